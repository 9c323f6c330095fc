import json
from dataclasses import replace
from fractions import Fraction

import av
import jsonschema
import numpy as np
import pytest

from inference import errors
from inference.media import open_frames, probe, read_sound
from inference.model.stand_ins import StandIn
from inference.pipeline.lipsync import sync
from inference.report.schema import schema
from inference.sound.features import hear
from inference.speakers import Turn
from tests.inference import clips, small
from tests.inference.runs import PLAIN, SIZE, Patchy, Tinted


@pytest.fixture
def run(tmp_path):
    def run(video, audio, network=None, options=PLAIN, **more):
        files = video, audio, tmp_path / "out.mp4"
        network = network or StandIn("offset", 64)
        return sync(*files, model=network, options=options, workdir=tmp_path, **more)

    return run


def spoken(path, *parts):
    """A 16 kHz sound: seconds of a tone, then of digital zero, in turn."""
    times = [np.arange(round(16000 * seconds)) / 16000 for seconds in parts]
    waves = [
        12000 * np.sin(2 * np.pi * 220 * each) * (1 - number % 2)
        for number, each in enumerate(times)
    ]
    wave = np.concatenate(waves).astype(np.int16)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(wave[None], "s16", "mono")
        frame.sample_rate = 16000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def changed(video, written):
    """Places of the result whose picture isn't the source's."""
    with open_frames(video, None) as frames:
        source = [frame.picture.planes for frame in frames]
    return [
        place
        for place, (planes, before) in enumerate(zip(written, source, strict=False))
        if any(not np.array_equal(a, b) for a, b in zip(planes, before, strict=True))
    ]


def reasons(result):
    return [(row["reason"], row["first"], row["last"]) for row in result.report["frames"]["ranges"]]


def test_silence_that_is_kept_shows_the_source_after_a_ramp_of_four_frames(run, tmp_path, written):
    video = clips.film(tmp_path / "a.mp4", clips.faces(40, *SIZE))
    voice = spoken(tmp_path / "a.wav", 0.4, 1.2)
    result = run(video, voice, options=replace(PLAIN, silence="keep"))
    # Speech to 0.4 s: the frame that begins there has it in full, and four more fade.
    assert changed(video, written) == list(range(15))
    assert reasons(result) == [("silence", 15, 39)]
    with open_frames(video, None) as frames:
        before = next(iter(frames)).picture.planes[0].astype(int)
    steps = [int(np.abs(written[place][0].astype(int) - before).max()) for place in (10, 12, 14)]
    assert steps[0] > steps[1] > steps[2] > 0


def test_by_default_silence_is_left_to_the_model(run, tmp_path, written):
    video = clips.film(tmp_path / "a.mp4", clips.faces(20, *SIZE))
    run(video, spoken(tmp_path / "a.wav", 0.2, 0.6))
    assert changed(video, written) == list(range(20))


def test_a_result_as_long_as_the_video_is_untouched_after_the_sound(run, tmp_path, written):
    video = clips.film(tmp_path / "a.mp4", clips.faces(30, *SIZE))
    voice = clips.sound(tmp_path / "a.wav", 0.4)
    result = run(video, voice, options=replace(PLAIN, length="video"))
    assert (result.frames, result.synced_frames) == (30, 10)
    assert changed(video, written) == list(range(10))
    assert reasons(result) == [("after_sound", 10, 29)]


def test_a_face_that_is_seen_after_the_sound_only_is_a_face(run, tmp_path, written):
    video = clips.film(tmp_path / "a.mp4", clips.faces(30, *SIZE, gap=range(15)))
    voice = clips.sound(tmp_path / "a.wav", 0.4)
    result = run(video, voice, options=replace(PLAIN, length="video"))
    assert (result.frames, result.synced_frames) == (30, 0)
    assert changed(video, written) == []
    assert reasons(result) == [("no_face", 0, 14), ("after_sound", 15, 29)]


@pytest.fixture
def late(tmp_path):
    """A film whose picture begins one second after its sound."""
    times = range(1000, 1800, 40)
    return clips.film(tmp_path / "late.mkv", clips.faces(20, *SIZE), times=times, sound=True)


@pytest.mark.parametrize("length", ["audio", "loop", "hold", "cut"])
@pytest.mark.parametrize("seconds", [0.5, 1.0])
def test_a_sound_that_is_over_before_the_picture_begins_is_refused(
    run, tmp_path, late, length, seconds
):
    voice = clips.sound(tmp_path / "a.wav", seconds)
    with pytest.raises(errors.UnsupportedMedia, match="before the video's picture begins") as told:
        run(late, voice, options=replace(PLAIN, length=length))
    assert "length=video" in told.value.hint
    assert not (tmp_path / "out.mp4").exists()


def test_as_long_as_the_video_it_is_shown_as_it_is(run, tmp_path, late):
    voice = clips.sound(tmp_path / "a.wav", 0.5)
    result = run(late, voice, options=replace(PLAIN, length="video"))
    assert (result.frames, result.synced_frames) == (20, 0)
    assert reasons(result) == [("after_sound", 0, 19)]


@pytest.mark.parametrize(
    ("length", "frames"), [("audio", 20), ("loop", 20), ("hold", 20), ("cut", 6)]
)
def test_each_length_has_its_count(run, tmp_path, length, frames):
    video = clips.film(tmp_path / "a.mp4", clips.faces(6, *SIZE))
    result = run(video, clips.sound(tmp_path / "a.wav", 0.8), options=replace(PLAIN, length=length))
    assert result.frames == result.synced_frames == frames
    assert probe(result.path).video.frames == frames


def test_the_references_rate_is_had_by_asking(run, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(30, *SIZE), rate=30)
    result = run(video, clips.sound(tmp_path / "a.wav", 0.8), options=replace(PLAIN, frame_rate=25))
    assert (result.frames, result.frame_rate) == (20, 25)


def test_codec_and_quality_reach_the_encoder(run, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(6, *SIZE))
    voice = clips.sound(tmp_path / "a.wav", 0.2)
    fine, coarse = (
        run(video, voice, options=replace(PLAIN, codec="hevc", quality=quality)).size_bytes
        for quality in (10, 40)
    )
    assert fine > 1.5 * coarse
    assert probe(tmp_path / "out.mp4").video.codec == "hevc"


def two_faces(count):
    """The same person twice, side by side."""
    for face in clips.faces(count, *SIZE):
        yield np.concatenate([face, face], axis=1)


def test_speakers_in_turn_are_painted_in_their_time_with_their_own_sound(run, tmp_path, written):
    video = clips.film(tmp_path / "a.mp4", two_faces(20))
    voice = clips.sound(tmp_path / "a.wav", 0.8)
    own = spoken(tmp_path / "own.wav", 0.8)
    turns = (Turn("48,72@0", 0.0, 0.4), Turn("240,72@0", 0.4, None, str(own)))
    network = Tinted(encoder=small.encoder())
    result = run(video, voice, network, replace(PLAIN, face=turns, seed=3))
    assert result.synced_frames == 20
    half = SIZE[0]
    with open_frames(video, None) as frames:
        source = [frame.picture.planes[0] for frame in frames]
    for place, (planes, before) in enumerate(zip(written, source, strict=True)):
        left, right = (
            not np.array_equal(planes[0][:, side], before[:, side])
            for side in (slice(0, half), slice(half, None))
        )
        assert (left, right) == (place < 10, place >= 10)
    heard = {}
    for name, path in (("common", voice), ("own", own)):
        (tmp_path / name).mkdir()
        sound = read_sound(path, tmp_path / name / "sound")
        heard[name] = hear(sound.samples, small.encoder(), tmp_path / name)
    for request in network.requests:
        name = "common" if request.places[0] < 10 else "own"
        times = [Fraction(place, 25) for place in request.places]
        assert np.array_equal(request.heard, heard[name].windows_at(times))


def test_a_window_without_numbers_is_painted_again_in_single_precision(run, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(40, *SIZE))
    voice = clips.sound(tmp_path / "a.wav", 1.6)
    network = Patchy(at=16)
    result = run(video, voice, network)
    assert network.tries == [(0, False), (16, False), (16, True), (32, False)]
    (finding,) = result.report["windows"]["findings"]
    assert finding == {"first": 16, "last": 31, "finding": "not_finite", "mended": True}


@pytest.mark.parametrize(("value", "why"), [(float("inf"), "overflowed"), (0.0, "one even color")])
def test_a_window_that_stays_useless_is_no_result(run, tmp_path, value, why):
    video = clips.film(tmp_path / "a.mp4", clips.faces(20, *SIZE))
    network = Patchy(at=16, value=value, has_spare=False)
    with pytest.raises(errors.EngineFault, match=f"frame 16 .*{why}"):
        run(video, clips.sound(tmp_path / "a.wav", 0.8), network)
    assert not (tmp_path / "out.mp4").exists()


def test_a_report_is_laid_beside_the_result_and_true_to_its_schema(run, tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(12, *SIZE, gap=[3, 4]))
    report = tmp_path / "told" / "report.json"
    report.parent.mkdir()
    result = run(video, clips.sound(tmp_path / "a.wav", 0.4), report=report)
    told = json.loads(report.read_text())
    jsonschema.validate(told, schema())
    assert told["network"] == "offset"
    assert told["frames"]["bridged"] + told["frames"]["passed_through"] == 2
    assert told["frames"]["count"] == result.frames == 10
    assert abs(told["timing"]["offset_end_seconds"]) < 0.001
    (track,) = json.loads((report.parent / "faces.json").read_text())["tracks"]
    assert track["thumbnail_jpeg"]


def test_identity_gives_the_source_back(run, tmp_path, written):
    video = clips.film(tmp_path / "a.mp4", clips.faces(6, *SIZE))
    result = run(video, clips.sound(tmp_path / "a.wav", 0.2), StandIn("identity", 128))
    with open_frames(video, None) as frames:
        for planes, frame in zip(written, frames, strict=False):
            for made, before in zip(planes, frame.picture.planes, strict=True):
                assert np.abs(made.astype(int) - before).mean() < 0.6
    assert result.to_mapping()["model"]["ran"] is False


def test_stand_ins_of_another_name_are_refused():
    with pytest.raises(errors.BadOption, match="network"):
        StandIn("dream")
