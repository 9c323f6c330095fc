import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest

from inference.media import MediaInfo, probe
from tests.inference import clips

ROOT = Path(__file__).parents[3]


def test_a_film_tells_size_rate_length_and_codec(tmp_path):
    info = probe(clips.film(tmp_path / "a.mp4", clips.numbered(30), rate=30, sound=True))
    assert info.container == "mp4"
    assert (info.video.width, info.video.height, info.video.codec) == (64, 48, "h264")
    assert (info.video.frame_rate, info.video.frames) == (30, 30)
    assert (info.audio.codec, info.audio.sample_rate, info.audio.channels) == ("aac", 48000, 1)
    assert info.video.playable_in_browser


def test_odd_rates_stay_exact(tmp_path):
    rate = Fraction(30000, 1001)
    info = probe(clips.film(tmp_path / "a.mp4", clips.numbered(30), rate=rate))
    assert info.video.frame_rate == rate
    assert info.to_mapping()["video"]["frame_rate"] == "30000/1001"


def test_the_clock_of_a_single_picture_is_not_taken_for_its_rate(tmp_path):
    # Its container guesses 2000 frames a second: nothing is there to be measured.
    film = clips.film(tmp_path / "a.ts", clips.numbered(1), rate=1000, times=[0])
    assert probe(film).video.frame_rate == 25


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_film_has_the_size_it_is_seen_with(tmp_path, rotation):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(5), rotation=rotation)
    size = (64, 48) if rotation == 180 else (48, 64)
    assert (probe(path).video.width, probe(path).video.height) == size


@pytest.mark.parametrize(("codec", "ending"), [("libx265", "mp4"), ("ffv1", "mkv")])
def test_what_browsers_cannot_play_is_known(tmp_path, codec, ending):
    path = clips.film(tmp_path / f"a.{ending}", clips.numbered(5), codec=codec)
    assert not probe(path).video.playable_in_browser


def test_a_stream_that_is_decoded_before_its_first_time_is_read_from_the_start(tmp_path):
    # Frames shown out of order: the first is decoded before it is shown, and the second can't be
    # decoded without it.
    path = clips.film(tmp_path / "a.ts", clips.numbered(20), codec="libx265", pix_fmt="yuv420p10le")
    assert probe(path).video.codec == "hevc"


@pytest.mark.parametrize("ending", ["wav", "mp3", "m4a", "ogg", "flac"])
def test_sound_alone_is_no_error(tmp_path, ending):
    info = probe(clips.sound(tmp_path / f"a.{ending}", 1.5))
    assert info.video is None
    assert abs(info.duration - Fraction(3, 2)) < Fraction(1, 10)


def test_a_sound_of_one_packet_is_a_sound(tmp_path):
    info = probe(clips.sound(tmp_path / "a.flac", 0.05))
    assert (info.audio.codec, info.duration) == ("flac", Fraction(1, 20))


def test_a_file_without_a_length_is_measured(tmp_path):
    # Browsers record so: the length was not known when the header was written.
    live = {"live": "1"}
    path = tmp_path / "a.webm"
    with av.open(str(path), "w", options=live) as out:
        stream = out.add_stream("libvpx", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in clips.numbered(50):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode(None))
    info = probe(path)
    assert info.container == "webm"
    assert abs(info.duration - 2) < Fraction(1, 10)


def test_what_it_says_survives_json(tmp_path):
    info = probe(clips.film(tmp_path / "a.mp4", clips.numbered(5), sound=True))
    assert MediaInfo.from_mapping(info.to_mapping()) == info


def test_looking_at_files_needs_neither_torch_nor_django():
    heavy = "torch cv2 diffusers django av ai_edge_litert"
    code = f"import sys, inference.media; print([m for m in {heavy.split()} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
