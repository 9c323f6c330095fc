from fractions import Fraction

import av
import pytest

from inference import errors
from inference.media import make_preview, open_frames, probe, read_sound
from tests.inference import clips


def shown(preview):
    with open_frames(preview, None, length="video") as frames:
        pictures = list(frames)
    tick = frames.film.time_base
    numbers = [clips.number_of(f.picture.planes[0]) for f in pictures]
    return numbers, [f.time * tick for f in pictures]


def test_a_source_that_browsers_play_gets_only_a_poster(tmp_path):
    made = make_preview(clips.film(tmp_path / "a.mp4", clips.numbered(30)), tmp_path)
    assert made.preview is None
    with av.open(str(made.poster)) as picture:
        assert (picture.streams[0].width, picture.streams[0].height) == (64, 48)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_any_other_gets_a_film_that_they_play(tmp_path, pix_fmt):
    source = clips.film(
        tmp_path / "a.mp4", clips.numbered(30), codec="libx265", pix_fmt=pix_fmt, sound=True
    )
    made = make_preview(source, tmp_path)
    info = probe(made.preview)
    assert info.video.playable_in_browser
    assert info.audio.codec == "aac"
    assert abs(float(info.duration) - 1.2) < 0.1


def test_a_large_turned_film_becomes_a_small_upright_one(tmp_path):
    source = clips.film(tmp_path / "a.mkv", clips.numbered(3, 1600, 1200), codec="ffv1")
    video = probe(make_preview(source, tmp_path).preview).video
    assert (video.width, video.height) == (960, 720)
    turned = clips.film(
        tmp_path / "b.mp4", clips.numbered(3, 1600, 1200), codec="libx265", rotation=90
    )
    video = probe(make_preview(turned, tmp_path).preview).video
    assert (video.width, video.height) == (720, 960)


@pytest.mark.parametrize("ending", ["ts", "mpg"])
def test_films_put_one_behind_the_other_are_seen_and_heard_whole(tmp_path, ending):
    source, data = tmp_path / f"a.{ending}", b""
    for part in ("1", "2"):
        film = tmp_path / f"{part}.{ending}"
        data += clips.film(film, clips.numbered(25), codec="mpeg2video", sound=True).read_bytes()
    source.write_bytes(data)
    preview = make_preview(source, tmp_path).preview
    numbers, times = shown(preview)
    assert numbers == [*range(25)] * 2
    assert times == [times[0] + Fraction(n, 25) for n in range(50)]
    assert abs(read_sound(preview, tmp_path / "spool").duration - 2) < Fraction(1, 10)


def test_an_avi_s_reordered_pictures_are_all_seen(tmp_path):
    options = {"preset": "medium", "bf": "3"}
    source = clips.film(tmp_path / "a.avi", clips.numbered(50), options=options, sound=True)
    numbers, times = shown(make_preview(source, tmp_path).preview)
    assert numbers == [*range(50)]
    assert times == [Fraction(n, 25) for n in range(50)]


def test_a_film_with_a_long_damage_is_seen_up_to_there(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(500), codec="libx265", options={"g": "25"})
    made = make_preview(clips.harm(path, 0.4, path.stat().st_size), tmp_path)
    assert made.poster.exists()
    assert shown(made.preview)[0][:100] == [*range(100)]


def test_sound_has_neither(tmp_path):
    made = make_preview(clips.sound(tmp_path / "a.wav"), tmp_path)
    assert (made.poster, made.preview) == (None, None)
    assert not (tmp_path / "poster.jpg").exists()


def test_a_damaged_source_leaves_no_file(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    source = tmp_path / "a.mp4"
    source.write_text("no film")
    with pytest.raises(errors.UnsupportedMedia):
        make_preview(source, folder)
    assert not list(folder.iterdir())
