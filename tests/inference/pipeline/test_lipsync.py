import itertools
import threading
from fractions import Fraction

import numpy as np
import pytest

from inference import errors
from inference.media import open_frames, probe
from inference.options import SyncOptions
from inference.pipeline.generating import FRAMES_OF_NEWS
from inference.pipeline.lipsync import sync
from inference.pipeline.scouting import Scouts, Watched
from tests.inference import clips, models

QUICK = SyncOptions(steps=1, guidance=1.0, device="cpu")


@pytest.fixture
def run(tmp_path):
    """sync() with a small model; afterwards nothing may be left in its folder."""
    workdir = tmp_path / "work"
    workdir.mkdir()

    def run(video, audio, **more):
        out = tmp_path / "result.mp4"
        options = {"model": models.model(), "options": QUICK, "workdir": workdir} | more
        return sync(video, audio, out, **options)

    yield run
    assert not list(workdir.iterdir())


@pytest.fixture
def voice(tmp_path):
    return clips.sound(tmp_path / "voice.wav", 0.8)


def source_planes(path, seconds):
    with open_frames(path, Fraction(seconds)) as frames:
        return [frame.picture.planes for frame in frames]


def test_the_result_has_the_films_shape_and_the_sounds_length(run, voice, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(25), rate=Fraction(30000, 1001))
    result = run(video, voice)
    info = probe(result.path)
    assert (info.video.width, info.video.height) == (320, 240)
    assert info.video.frame_rate == result.frame_rate == Fraction(30000, 1001)
    assert info.video.frames == result.frames == result.synced_frames == 24
    assert result.duration == 24 * Fraction(1001, 30000)
    assert abs(result.duration - Fraction(8, 10)) <= Fraction(1001, 30000)
    assert (info.audio.codec, info.audio.sample_rate) == ("aac", 48000)
    assert result.size_bytes == result.path.stat().st_size
    assert result.to_mapping()["model"]["label"] == "test model"


@pytest.mark.parametrize("frames", [1, 17, 33])
def test_the_last_window_is_whatever_remains(run, tmp_path, frames):
    video = clips.film(tmp_path / "a.mp4", clips.faces(40))
    voice = clips.sound(tmp_path / "a.wav", frames / 25)
    result = run(video, voice)
    assert (result.frames, result.synced_frames) == (frames, frames)


def test_a_longer_sound_plays_the_film_there_and_back(run, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(10))
    result = run(video, clips.sound(tmp_path / "a.wav", 1.0))
    assert result.frames == result.synced_frames == 25


def test_frames_without_a_face_are_untouched_and_named(run, voice, tmp_path, written):
    gap = [0, 7, 8, 9]
    video = clips.film(tmp_path / "a.mp4", clips.faces(20, gap=gap))
    result = run(video, voice)
    assert result.passed_through == [(0, 0), (7, 9)]
    assert result.synced_frames == 16
    assert result.warnings[0] == "4 of 20 frames stayed as in the source."
    for number, before in enumerate(source_planes(video, "0.8")):
        same = all(np.array_equal(a, b) for a, b in zip(before, written[number], strict=True))
        assert same == (number in gap)


def test_away_from_the_mouth_every_sample_is_the_sources(run, voice, tmp_path, written):
    video = clips.film(tmp_path / "a.mp4", clips.faces(20))
    run(video, voice)
    changed = np.zeros((240, 320), bool)
    for before, after in zip(source_planes(video, "0.8"), written, strict=True):
        changed |= before[0] != after[0]
    rows, columns = np.nonzero(changed)
    # The drawn face: brows at line 77, mouth about line 118, between columns 115 and 210.
    assert rows.min() > 80
    assert columns.min() > 90
    assert columns.max() < 230


@pytest.mark.parametrize(
    "source",
    [
        {"codec": "libx265", "pix_fmt": "yuv420p10le", "colorspace": 9, "color_trc": 16},
        {"rotation": 180},
        {"codec": "mjpeg", "pix_fmt": "yuvj422p"},
    ],
)
def test_depth_rotation_and_subsampling_pass_through(run, voice, tmp_path, source, written):
    # A turned film is stored turned, so that its face is upright when it is seen.
    pictures = [np.rot90(face, -source.get("rotation", 0) // 90) for face in clips.faces(20)]
    video = clips.film(
        tmp_path / "a.mkv" if "codec" in source else tmp_path / "a.mp4",
        map(np.ascontiguousarray, pictures),
        **source,
    )
    result = run(video, voice)
    assert result.synced_frames == 20
    info = probe(result.path).video
    assert (info.width, info.height, info.rotation) == (320, 240, 0)
    assert info.codec == ("hevc" if "10" in source.get("pix_fmt", "") else "h264")
    for before, after in zip(source_planes(video, "0.8"), written, strict=True):
        for plane, old in zip(after, before, strict=True):
            assert np.array_equal(plane[: len(plane) // 3], old[: len(plane) // 3])
            assert not np.array_equal(plane, old)


def test_a_folder_that_cannot_be_written_is_a_sentence(run, voice, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(3))
    with pytest.raises(errors.EngineFault, match="could not be written"):
        run(video, voice, workdir=tmp_path / "missing")


def test_the_same_run_gives_the_same_file(run, voice, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(20))
    first = run(video, voice).sha256
    assert run(video, voice).sha256 == first
    other = SyncOptions(steps=1, guidance=1.0, seed=2, device="cpu")
    assert run(video, voice, options=other).sha256 != first


def test_a_film_without_any_face_is_refused(run, voice, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.numbered(20, 320, 240))
    with pytest.raises(errors.NoFace):
        run(video, voice)
    assert not (tmp_path / "result.mp4").exists()


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_cancel_is_heard_and_leaves_what_was_there(run, voice, tmp_path, after):
    video = clips.film(tmp_path / "a.mp4", clips.faces(20))
    out = tmp_path / "result.mp4"
    out.write_text("an older result")
    asked = iter(range(100))
    with pytest.raises(errors.Canceled):
        run(video, voice, should_cancel=lambda: next(asked) >= after)
    assert out.read_text() == "an older result"


def test_a_cancel_is_asked_for_at_each_step(run, voice, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(16))
    asked = []
    run(
        video,
        voice,
        options=SyncOptions(steps=5, device="cpu"),
        should_cancel=lambda: bool(asked.append(1)),
    )
    assert len(asked) >= 2 * 5  # two windows of five steps


def test_progress_tells_stages_and_frames(run, voice, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(20))
    told = []
    run(video, voice, on_progress=lambda *event: told.append(event))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["probe", "audio", "generate", "finish"]
    frames = [done for stage, done, _ in told if stage == "generate"]
    assert frames == sorted(frames)
    assert frames[-1] == 20
    assert {total for stage, _, total in told if stage == "generate"} == {20}


def test_numbers_that_overflow_are_no_result(run, voice, tmp_path, monkeypatch):
    from inference.model import vae

    decode = vae.decode
    monkeypatch.setattr(vae, "decode", lambda *given: decode(*given) * float("nan"))
    video = clips.film(tmp_path / "a.mp4", clips.faces(20))
    with pytest.raises(errors.EngineFault, match="overflowed"):
        run(video, voice)


def test_a_source_that_breaks_off_is_no_result(run, tmp_path):
    video = clips.film(tmp_path / "a.mkv", clips.faces(100), options={"g": "10"})
    data = video.read_bytes()
    video.write_bytes(data[: len(data) // 2])
    with pytest.raises(errors.DamagedMedia):
        run(video, clips.sound(tmp_path / "a.wav", 4.0))
    assert not (tmp_path / "result.mp4").exists()


@pytest.mark.parametrize("swap", ["video", "audio"])
def test_the_wrong_kind_of_file_is_named(run, voice, tmp_path, swap):
    video = clips.film(tmp_path / "a.mp4", clips.numbered(5))
    given = (voice, voice) if swap == "video" else (video, video)
    with pytest.raises(errors.NoVideo if swap == "video" else errors.NoAudio):
        run(*given)


def test_a_long_search_for_faces_is_told_as_work(run, voice, tmp_path, monkeypatch):
    looked, told, find_all = itertools.count(0, FRAMES_OF_NEWS), threading.Event(), Watched.find_all

    def on_progress(*news):
        if news == ("generate", 0, 20):
            told.set()

    def find_nobody_until_told(self, frame):
        assert told.wait(60), "the search goes on, and nobody was told"
        return find_all(self, frame)

    monkeypatch.setattr(Scouts, "searched", property(lambda _: next(looked)))
    monkeypatch.setattr(Watched, "find_all", find_nobody_until_told)
    video = clips.film(tmp_path / "a.mp4", clips.faces(20))
    assert run(video, voice, on_progress=on_progress).synced_frames == 20
