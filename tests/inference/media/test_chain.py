from fractions import Fraction

import av
import numpy as np
import pytest

from inference.media import probe
from tests.inference import clips


@pytest.mark.parametrize("rate", [16, Fraction(24000, 1001), 50])
def test_the_result_keeps_the_rate_and_lasts_as_long_as_the_sound(tmp_path, rate):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(100), rate=rate)
    voice, out = clips.sound(tmp_path / "a.wav", 1.5), tmp_path / "out.mp4"
    shown = clips.chain(source, voice, out)
    info = probe(out)
    assert info.video.frame_rate == rate
    assert info.video.frames == len(shown)
    assert abs(len(shown) / Fraction(rate) - Fraction(3, 2)) <= 1 / Fraction(rate)
    assert info.video.playable_in_browser


def test_a_turned_source_comes_out_upright_and_without_a_matrix(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(10), rotation=90)
    clips.chain(source, clips.sound(tmp_path / "a.wav", 0.4), tmp_path / "out.mp4")
    video = probe(tmp_path / "out.mp4").video
    assert (video.width, video.height, video.rotation) == (48, 64, 0)


def test_pixels_that_are_not_square_stay_so(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(10), sample_aspect_ratio=Fraction(4, 3))
    clips.chain(source, clips.sound(tmp_path / "a.wav", 0.4), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def test_one_encode_loses_little(tmp_path):
    rng = np.random.default_rng(0)
    grain = rng.integers(-6, 7, (120, 160, 3))
    pictures = [np.clip(p + grain, 0, 255).astype(np.uint8) for p in clips.numbered(25, 160, 120)]
    source = clips.film(tmp_path / "a.mkv", pictures, codec="ffv1")
    shown = clips.chain(source, clips.sound(tmp_path / "a.wav", 1.0), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        for frame, before in zip(container.decode(video=0), shown, strict=True):
            error = clips.planes(frame)[0].astype(float) - before.picture.planes[0]
            assert 10 * np.log10(255**2 / np.mean(error**2)) > 42
