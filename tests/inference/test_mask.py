import cv2
import numpy as np
import pytest
import torch

from inference.errors import BadCheckpoint
from inference.mask import cover, draw_mask, latent_mask, load_mask, to_pixels


@pytest.mark.parametrize("resolution", [64, 96, 128, 256, 512])
def test_about_three_fifths_of_a_face_are_kept_at_any_size(resolution):
    mask = draw_mask(resolution)
    assert mask.shape == (resolution, resolution)
    assert mask.mean() == pytest.approx(0.593, abs=0.01)


def test_the_mouth_is_painted_anew_and_the_nose_is_kept():
    mask = draw_mask(256)
    assert mask[190, 128] == 0  # mouth
    assert mask[110, 128] == 1  # nose
    assert mask[110, 40] == 0  # cheek
    assert mask[250, 128] == 1  # below the chin
    assert set(mask.unique().tolist()) == {0, 1}


def test_the_latent_mask_takes_every_eighth_pixel():
    mask = draw_mask(256)
    assert torch.equal(latent_mask(mask, 32), mask[::8, ::8])


def test_an_operator_s_mask_is_read_and_enlarged(tmp_path):
    picture = np.full((32, 32, 3), 255, np.uint8)
    picture[16:] = 0
    cv2.imwrite(str(tmp_path / "mask.png"), picture)
    mask = load_mask(tmp_path / "mask.png", 64)
    assert mask.shape == (64, 64)
    assert mask[0, 0] == 1
    assert mask[-1, -1] == 0


def test_a_mask_that_hides_nothing_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "white.png"), np.full((32, 32), 255, np.uint8))
    (tmp_path / "text.png").write_text("no picture")
    for name in ("white.png", "text.png"):
        with pytest.raises(BadCheckpoint, match=name):
            load_mask(tmp_path / name, 64)


def test_a_repainted_pixel_is_the_middle_gray():
    pixels = to_pixels(torch.tensor([[0, 255, 51]], dtype=torch.uint8))
    assert pixels.tolist() == [[-1, 1, pytest.approx(-0.6)]]
    assert cover(pixels, torch.tensor([[1.0, 0.0, 1.0]]))[0, 1] == 0
