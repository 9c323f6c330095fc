import numpy as np
import pytest

from inference.demo.faces import Mouth, Pose, invent
from inference.demo.films import HELD_OUT_FACES, film
from inference.demo.meter import readings
from inference.demo.painting import draw
from inference.demo.proof import correlation
from inference.model.mask import draw_mask

CLOSED, WIDE = Mouth(0.0, 0.5), Mouth(1.0, 0.5)


def test_the_same_number_draws_the_same_picture():
    first, second = (draw(invent(7), Pose(), WIDE, grain=3) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("number", [0, 2, 6, 14, 21, 23, 28])
def test_a_mouth_changes_nothing_that_inference_keeps(number):
    closed, wide = (draw(invent(number), Pose(), mouth) for mouth in (CLOSED, WIDE))
    kept = draw_mask(256).numpy() == 1
    changed = np.abs(closed.astype(int) - wide).max(axis=-1) > 3
    assert changed.sum() > 500
    assert not (changed & kept).any()


def test_the_meter_reads_what_was_drawn():
    talking = 0.5 - 0.5 * np.cos(np.arange(50) * 0.45) * np.linspace(0.3, 1, 50)
    curve = np.stack([talking, np.full(50, 0.5)], axis=1)
    agreements = [
        correlation(readings(film(HELD_OUT_FACES + 100 + number, curve[None])[:, 0]), talking)
        for number in range(8)
    ]
    assert np.median(agreements) >= 0.95
    assert min(agreements) >= 0.85
