"""Runs over pairs of everything that footage differs in, through the command, without a model.

Each gives a result or a refusal with a code, and every result keeps the same promises.
"""

import itertools
import json
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import jsonschema
import numpy as np
import pytest

from inference.__main__ import DONE, REFUSED, main
from inference.media import open_frames, probe, read_sound
from inference.media.segment import SegmentWriter
from inference.pipeline import filming
from inference.report.schema import schema
from tests.inference.matrix import axes, making

CELLS = axes.pairwise(axes.QUICK, seed=1)
MORE = [cell for seed in (2, 3) for cell in axes.pairwise(axes.WHOLE, seed) if cell not in CELLS]
# Whatever else the footage is: nobody speaks in it, or there is nobody.
MUTE = [replace(cell, sound="none") for cell in CELLS[::12]]
EMPTY = [replace(cell, faces="none") for cell in CELLS[5::12]]

# Why a frame without a head may be passed over.
HIDDEN = {"no_face", "blurred", "after_sound"}


@pytest.fixture
def written(monkeypatch):
    """The pictures as they were handed to the encoder, and the places that they came from."""
    pictures = []

    class Recorder(SegmentWriter):
        def write(self, frame):
            pictures.append((frame.number, [plane.copy() for plane in frame.picture.planes]))
            super().write(frame)

    monkeypatch.setattr(filming, "SegmentWriter", Recorder)
    return pictures


@dataclass
class Ended:
    code: int
    error: str
    out: object
    report: dict | None


def run(cell, made, folder, capsys):
    out, report = folder / "out" / f"{cell.name}.mp4", folder / "out" / "report.json"
    out.parent.mkdir()
    code = main(
        [
            "sync", str(made.video), str(made.voice), str(out), "--network", "offset",
            "--report", str(report), "--length", cell.length,
            "--color-match" if cell.match else "--no-color-match",
        ]
    )  # fmt: skip
    told = json.loads(report.read_text()) if report.exists() else None
    return Ended(code, capsys.readouterr().err, out, told)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_each_two_values_meet(cell, tmp_path, capsys, written):
    check(cell, tmp_path, capsys, written)


@pytest.mark.long
@pytest.mark.parametrize("cell", MORE, ids=str)
def test_they_meet_in_other_company_too(cell, tmp_path, capsys, written):
    check(cell, tmp_path, capsys, written)


@pytest.mark.parametrize("cell", MUTE, ids=str)
def test_a_voice_without_sound_is_refused(cell, tmp_path, capsys):
    made = making.make(cell, tmp_path)
    ended = run(cell, made, tmp_path, capsys)
    refused(ended, "no_audio_stream")


@pytest.mark.parametrize("cell", EMPTY, ids=str)
def test_a_film_without_anybody_is_refused(cell, tmp_path, capsys):
    made = making.make(cell, tmp_path)
    ended = run(cell, made, tmp_path, capsys)
    refused(ended, "no_face")


def refused(ended, code):
    assert ended.code == REFUSED
    assert f"{code}: " in ended.error
    assert not list(ended.out.parent.iterdir())


def check(cell, folder, capsys, written):
    made = making.make(cell, folder)
    shown = numbers_shown(cell, made)
    ended = run(cell, made, folder, capsys)
    if not any(made.faces[number] for number in shown):
        refused(ended, "no_face")
        return
    assert ended.code == DONE, ended.error
    assert sorted(path.name for path in ended.out.parent.iterdir()) == sorted(
        ["faces.json", "report.json", ended.out.name]
    )
    check_frames(cell, made, shown, written)
    check_pictures(cell, made, shown, written, ended.report)
    check_shape(cell, made, ended)
    check_step(cell, made, shown, ended)
    check_report(ended.report, written)


# How many frames, and which


def numbers_shown(cell, made):
    """The rule of `length`, written once more: from the times of the frames and of the sound."""
    if cell.length == "video":
        return list(range(cell.frames))
    lasts = frames_last(cell, made)
    usual = usual_frame(cell)
    heard = heard_seconds(cell, made)
    shown, now = [], Fraction(0)
    for turn, number in order(cell):
        if len(shown) == cell.frames and turn and short_by_one(cell, heard - now):
            break
        duration = usual if cell.length == "hold" and turn else lasts[number]
        if now and now + min(duration, usual) / 2 > heard:
            break
        shown.append(number)
        now += min(duration, max(usual, heard - now))
    return shown


def short_by_one(cell, left):
    return cell.length == "cut" or (cell.length != "hold" and left <= usual_frame(cell))


def frames_last(cell, made):
    """Each until the next one; the last as its file says, but no less than a usual frame."""
    ends = [*made.starts[1:], made.end]
    lasts = [end - start for start, end in zip(made.starts, ends, strict=True)]
    return [*lasts[:-1], max(lasts[-1], usual_frame(cell))]


def usual_frame(cell):
    """Of a variable rate the mean, as the file's own header has it."""
    if cell.rate == axes.VARIABLE:
        starts, end = making.times(cell)
        return end / len(starts)
    return 1 / cell.rate


def order(cell):
    """(turn, number) for ever."""
    forwards = list(range(cell.frames))
    yield from ((0, number) for number in forwards)
    if cell.length == "hold":
        yield from ((1, forwards[-1]) for _ in itertools.count())
    if cell.length == "loop" or cell.frames == 1:
        yield from ((turn, number) for turn in itertools.count(1) for number in forwards)
    for turn in itertools.count(1, 2):
        yield from ((turn, number) for number in forwards[-2::-1])
        yield from ((turn + 1, number) for number in forwards[1:])


def heard_seconds(cell, made):
    """Exact where the codec keeps every sample; else what it decodes to, padding and all."""
    if made.voice.suffix in making.LOSSLESS:
        return made.seconds
    duration = read_sound(made.voice, made.voice.with_suffix(".spool")).duration
    assert abs(duration - made.seconds) < Fraction(3, 100)
    return duration


def check_frames(cell, made, shown, written):
    assert [number for number, _ in written] == shown
    # What the file's own pictures say, not what the engine calls them.
    assert [making.number_in(planes[0]) for _, planes in written] == shown


# What may change in a picture


def check_pictures(cell, made, shown, written, report):
    with open_frames(made.video, None) as frames:
        sources = {frame.number: frame.picture.planes for frame in frames}
    untouched = {place for place, _ in passed(report)}
    for place, (number, planes) in enumerate(written):
        changed = [after != before for after, before in zip(planes, sources[number], strict=True)]
        if place in untouched:
            assert not any(plane.any() for plane in changed), f"frame {place}"
            continue
        # Where colors are matched, those of a face that is lighter all over come out as they were.
        assert changed[0].any() or cell.match, f"frame {place} should have a new mouth"
        for plane in changed:
            assert not (plane & ~mouths(made, plane.shape)).any(), f"frame {place}"
    without = {place for place, number in enumerate(shown) if not made.faces[number]}
    assert without <= untouched
    assert {reason for place, reason in passed(report) if place in without} <= HIDDEN
    if cell.faces in ("all", "two"):
        assert {reason for _, reason in passed(report)} <= {"after_sound"}


def mouths(made, shape):
    """Of a plane's samples: those that lie, at least in part, where a mouth may be."""
    (rows, columns), (height, width) = shape, made.mouths.shape
    down, across = round(height / rows), round(width / columns)
    gained = ((0, rows * down - height), (0, columns * across - width))
    full = np.pad(made.mouths, gained, mode="edge")
    return full.reshape(rows, down, columns, across).any(axis=(1, 3))


def passed(report):
    for row in report["frames"]["ranges"]:
        if row["state"] == "passed_through":
            yield from ((place, row["reason"]) for place in range(row["first"], row["last"] + 1))


# Size, tags, orientation


def check_shape(cell, made, ended):
    source, result = probe(made.video).video, probe(ended.out).video
    halved = "420" in source.pix_fmt
    wanted = [side + (side % 2 if halved else 0) for side in cell.size]
    assert [result.width, result.height] == wanted
    assert (source.width, source.height) == cell.size
    assert result.rotation == 0
    assert result.tags == source.tags
    assert result.codec == ("hevc" if "10" in source.pix_fmt else "h264")
    assert ("10" in result.pix_fmt) == cell.deep
    if cell.container in ("mp4", "mov", "mkv"):
        tags = making.MATRICES[cell.color]
        assert result.tags.matrix == tags["colorspace"]
        assert result.tags.transfer == tags["color_trc"]
    warned = {warning["code"] for warning in ended.report["warnings"]}
    assert ("size_gained" in warned) == (wanted != list(cell.size))


# Sound and picture in step


def check_step(cell, made, shown, ended):
    half = float(usual_frame(cell)) / 2
    timing = ended.report["timing"]
    assert abs(timing["offset_start_seconds"]) < half
    assert abs(timing["offset_end_seconds"]) < half
    starts, last_end = picture_times(ended.out)
    expected = [float(start) for start in expected_starts(cell, made, shown)]
    np.testing.assert_allclose(starts, expected, atol=0.0015)
    heard = bursts_in(ended.out)
    for burst in made.bursts:
        if float(burst + making.BURST_SECONDS) < last_end:
            assert np.abs(heard - float(burst)).min() < min(half, 0.01)


def expected_starts(cell, made, shown):
    lasts = frames_last(cell, made)
    now = Fraction(0)
    for place, number in enumerate(shown):
        yield now
        held = cell.length == "hold" and place >= cell.frames
        now += usual_frame(cell) if held else lasts[number]


def picture_times(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        shown = sorted(
            (float(packet.pts * packet.time_base), float(packet.duration * packet.time_base))
            for packet in container.demux(stream)
            if packet.pts is not None
        )
    return [start for start, _ in shown], sum(shown[-1])


def bursts_in(path):
    """When it becomes loud, by the times of decoded samples."""
    parts = []
    resampler = av.AudioResampler(format="fltp", layout="mono")
    with av.open(str(path)) as container:
        for given in container.decode(audio=0):
            begins = float(given.pts * given.time_base)
            for frame in resampler.resample(given):
                wave = np.abs(frame.to_ndarray()[0])
                parts.append((begins + np.arange(len(wave)) / frame.sample_rate, wave))
    times = np.concatenate([each for each, _ in parts])
    loud = times[np.concatenate([wave for _, wave in parts]) > 0.1]
    return loud[np.diff(loud, prepend=-9) > 0.05]


# The report


def check_report(report, written):
    jsonschema.Draft202012Validator(schema()).validate(report)
    frames = report["frames"]
    assert frames["count"] == len(written)
    assert frames["count"] == frames["synced"] + frames["bridged"] + frames["passed_through"]
    assert frames["passed_through"] == len(list(passed(report)))
    assert report["network"] == "offset"
    assert {"no_model"} <= {warning["code"] for warning in report["warnings"]}
