import json

import pytest
import torch

from inference.demo import sample
from inference.model.checkpoint import DEMO_BUNDLE, load_bundle

MEGABYTE = 1_000_000


def test_the_bundle_is_small_and_says_that_it_is_a_demo():
    manifest = json.loads((DEMO_BUNDLE / "manifest.json").read_text())
    assert manifest["demo"] is True
    assert manifest["label"] == "demo model"
    assert {entry["license"] for entry in manifest["files"].values()} == {"Apache-2.0"}
    assert sum(file.stat().st_size for file in DEMO_BUNDLE.iterdir()) <= 15 * MEGABYTE


def test_the_bundle_loads_strictly_and_holds_half_precision():
    model = load_bundle(DEMO_BUNDLE, torch.device("cpu"), torch.float16)
    assert model.resolution == 128
    assert {p.dtype for p in model.unet.parameters()} == {torch.float16}


@pytest.mark.parametrize("name", ["face.mp4", "voice.wav"])
def test_the_sample_pair_is_there(name):
    assert (sample.FOLDER / name).stat().st_size > 50_000


def test_the_sample_pair_is_small():
    assert sum(file.stat().st_size for file in sample.FOLDER.iterdir()) < 2 * MEGABYTE
