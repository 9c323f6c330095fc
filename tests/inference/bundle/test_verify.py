import json

import pytest

from inference.__main__ import main
from inference.bundle.making import make
from inference.model.checkpoint import DEMO_BUNDLE
from tests.inference.bundle import downloads


@pytest.fixture
def bundle(tmp_path):
    make(downloads.make(tmp_path), tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def verify(bundle, capsys):
    """Exit status and the lines on standard output."""

    def verify(folder=bundle):
        status = main(["bundle", "verify", str(folder)])
        return status, capsys.readouterr()

    return verify


def test_a_whole_bundle_has_a_line_a_file_and_says_which_model_it_is(verify):
    status, said = verify()
    lines = said.out.splitlines()
    files = ["unet.safetensors", "encoder.safetensors", "vae.safetensors", "mask.png"]
    files += ["faces/det_10g.onnx", "faces/2d106det.onnx"]
    assert status == 0
    assert [line.split()[:2] for line in lines[:6]] == [["ok", name] for name in files]
    assert lines[-1] == "LatentSync 1.6, version 1.6, 64 px (told), finder insightface: whole"
    assert "NOTICE: faces/det_10g.onnx" in said.err


def test_the_bundle_that_ships_is_whole(verify):
    assert verify(DEMO_BUNDLE)[0] == 0


def test_a_changed_file_is_bad_and_one_too_many_is_told_of(bundle, verify):
    content = bytearray((bundle / "vae.safetensors").read_bytes())
    content[-1] ^= 1
    (bundle / "vae.safetensors").write_bytes(content)
    (bundle / "old.pt").touch()
    status, said = verify()
    marked = [line.split()[:2] for line in said.out.splitlines() if line[:2] != "ok"]
    assert status == 1
    assert marked[:2] == [["BAD", "vae.safetensors"], ["--", "old.pt"]]
    assert said.out.splitlines()[-1].endswith("NOT usable")


def test_a_network_of_other_sizes_than_the_manifest_s_is_found(bundle, verify):
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["unet"]["layers_per_block"] = 2
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    status, said = verify()
    assert status == 1
    assert "BAD manifest.json" in said.out
    assert "unet.safetensors lacks weights" in said.out


def test_a_bundle_without_a_manifest_is_refused(verify, tmp_path):
    (tmp_path / "empty").mkdir()
    status, said = verify(tmp_path / "empty")
    assert status == 1
    assert said.err.startswith("bad_checkpoint: ")
