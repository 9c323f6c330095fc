import cv2
import numpy as np
import pytest
import torch

from inference.errors import BadCheckpoint
from inference.model.mask import cover, draw_mask, enlarge, latent_mask, load_mask, to_pixels


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


@pytest.mark.parametrize(("drawn", "wanted"), [(64, 128), (256, 512), (512, 128), (1000, 64)])
def test_a_mask_of_another_size_is_scaled_smoothly(tmp_path, drawn, wanted):
    """A disc: its edge, as scaled, stays within a pixel of where it is."""
    y, x = np.mgrid[:drawn, :drawn] / (drawn - 1) - 0.5
    cv2.imwrite(str(tmp_path / "mask.png"), np.where(np.hypot(x, y) < 0.4, 0, 255))
    mask = load_mask(tmp_path / "mask.png", wanted)
    y, x = np.mgrid[:wanted, :wanted] / (wanted - 1) - 0.5
    off = np.abs(np.hypot(x, y) - 0.4) > 2 / min(drawn, wanted)
    assert (mask.numpy() < 0.5)[off].tolist() == (np.hypot(x, y) < 0.4)[off].tolist()
    assert np.ptp(mask.numpy()[wanted // 2]) == 1
    steps = np.unique(mask.numpy())
    assert ((steps > 0) & (steps < 1)).any()


def test_a_larger_mask_is_averaged_down_to_its_last_pixel():
    picture = np.random.default_rng(7).choice([0, 255], (256, 256)).astype(np.uint8)
    blocks = picture.reshape(64, 4, 64, 4).mean(axis=(1, 3))
    assert np.abs(enlarge(picture, 64).numpy() * 255 - blocks).max() <= 1


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
