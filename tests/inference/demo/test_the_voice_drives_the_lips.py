"""A small form of `python -m inference.demo evaluate`, whose full figures are in the docs."""

import numpy as np
import pytest
import torch

from inference.demo.proof import Figures, generate, judge, make_pair, summarize
from inference.model.checkpoint import DEMO_BUNDLE, load_bundle

PAIRS, FRAMES, STEPS = (0, 2), 48, 6
pytestmark = pytest.mark.timeout(900)  # half a minute each on two cores, minutes on busy ones


@pytest.fixture(scope="module")
def model():
    return load_bundle(DEMO_BUNDLE, torch.device("cpu"), torch.float32)


def figures(model, sound_of) -> list[Figures]:
    pairs = [make_pair(number, FRAMES) for number in PAIRS]
    return [
        judge(pair, generate(model, pair.pictures, sound_of(pair), steps=STEPS)) for pair in pairs
    ]


def test_the_mouth_follows_the_voice_and_not_the_film(model):
    result = summarize(figures(model, lambda pair: pair.sound))
    assert result["driver_median"] >= 0.6
    assert result["driver_worst"] >= 0.45
    assert abs(result["source_median"]) <= 0.35


def test_without_the_sound_the_mouth_does_not_follow_the_voice(model):
    result = summarize(figures(model, lambda pair: np.zeros_like(pair.sound)))
    assert result["driver_median"] < 0.3
