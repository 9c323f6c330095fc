from fractions import Fraction

import av
import numpy as np
import pytest

from inference.media import open_frames, probe, read_sound
from inference.media.writer import Writer
from tests.inference import clips


def copy(film_path, sound_path, out):
    """Through the whole chain without a model; the frames that went into the encoder."""
    sound = read_sound(sound_path, out.parent / "spool")
    with open_frames(film_path, sound.duration) as frames, Writer(out, frames.film, sound) as film:
        shown = []
        for frame in frames:
            film.write(frame)
            shown.append(frame)
    return film, shown


@pytest.mark.parametrize("rate", [16, Fraction(24000, 1001), 25, Fraction(30000, 1001), 50])
def test_the_result_keeps_the_rate_and_lasts_as_long_as_the_sound(tmp_path, rate):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(100), rate=rate)
    film, _ = copy(source, clips.sound(tmp_path / "a.wav", 1.5), tmp_path / "out.mp4")
    info = probe(tmp_path / "out.mp4")
    assert info.video.frame_rate == rate
    assert info.video.frames == film.frames
    assert film.seconds == film.frames / Fraction(rate)
    assert abs(film.seconds - Fraction(3, 2)) <= 1 / Fraction(rate)
    assert info.video.playable_in_browser


def test_variable_times_come_out_as_they_went_in(tmp_path):
    times = [0, 40, 80, 200, 240, 280, 400, 440]
    source = clips.film(tmp_path / "a.mkv", clips.numbered(8), times=times)
    copy(source, clips.sound(tmp_path / "a.wav", 0.48), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        seen = [float(f.pts * f.time_base) for f in container.decode(video=0)]
    assert seen == pytest.approx([t / 1000 for t in times], abs=0.001)


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "size", "made"),
    [
        ("yuv420p", "h264", (64, 48), (64, 48)),
        ("yuv420p10le", "hevc", (64, 48), (64, 48)),
        ("yuv420p", "h264", (93, 51), (94, 52)),
    ],
)
def test_size_tags_and_depth_are_kept(tmp_path, pix_fmt, codec, size, made):
    tags = {"colorspace": 1, "color_range": 1, "color_trc": 1, "color_primaries": 1}
    source = clips.film(
        tmp_path / "a.mkv", clips.numbered(10, *size), codec="ffv1", pix_fmt=pix_fmt, **tags
    )
    copy(source, clips.sound(tmp_path / "a.wav", 0.4), tmp_path / "out.mp4")
    video = probe(tmp_path / "out.mp4").video
    assert (video.width, video.height, video.codec) == (*made, codec)
    assert (video.tags.matrix, video.tags.range, video.tags.primaries) == (1, 1, 1)
    assert ("10" in video.pix_fmt) == ("10" in pix_fmt)


def test_a_turned_source_comes_out_upright_and_without_a_matrix(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(10), rotation=90)
    copy(source, clips.sound(tmp_path / "a.wav", 0.4), tmp_path / "out.mp4")
    video = probe(tmp_path / "out.mp4").video
    assert (video.width, video.height, video.rotation) == (48, 64, 0)


def test_pixels_that_are_not_square_stay_so(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(10), sample_aspect_ratio=Fraction(4, 3))
    copy(source, clips.sound(tmp_path / "a.wav", 0.4), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def test_one_encode_loses_little(tmp_path):
    rng = np.random.default_rng(0)
    grain = rng.integers(-6, 7, (120, 160, 3))
    pictures = [np.clip(p + grain, 0, 255).astype(np.uint8) for p in clips.numbered(25, 160, 120)]
    source = clips.film(tmp_path / "a.mkv", pictures, codec="ffv1")
    _, shown = copy(source, clips.sound(tmp_path / "a.wav", 1.0), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        for frame, before in zip(container.decode(video=0), shown, strict=True):
            error = clips.planes(frame)[0].astype(float) - before.picture.planes[0]
            assert 10 * np.log10(255**2 / np.mean(error**2)) > 42


def test_an_error_leaves_no_file(tmp_path):
    source = clips.film(tmp_path / "a.mp4", clips.numbered(10))
    sound = read_sound(clips.sound(tmp_path / "a.wav"), tmp_path / "spool")
    out = tmp_path / "out.mp4"
    with (
        open_frames(source, sound.duration) as frames,
        pytest.raises(RuntimeError),
        Writer(out, frames.film, sound) as film,
    ):
        film.write(next(iter(frames)))
        raise RuntimeError
    assert not out.exists()
