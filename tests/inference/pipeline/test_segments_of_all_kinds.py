"""Going on after a stop, and making a part anew, give what one run would, whatever the film is."""

import json
import shutil
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from inference.pipeline.lipsync import sync
from inference.results import segments
from inference.speakers import Turn
from tests.inference import clips
from tests.inference.runs import PLAIN, SIZE, Tinted

BASE = replace(PLAIN, seed=3)
UNEVEN = [0, 40, 120, 160, 300, 340, 500, 520, 560, 600, 700, 900, 1000, 1040, 1080, 1200, 1240]


def two_faces(count):
    for face in clips.faces(count, *SIZE):
        yield np.concatenate([face, face], axis=1)


def turns(folder):
    """Overlapping, in no order, named in three ways, one with its own sound of another rate."""
    own = clips.sound(folder / "own.wav", 0.7, rate=22050)
    return (
        Turn("240,72@1.5", 0.6, 1.1),
        Turn("48,72@0", 0.0, 0.66, str(own)),
        Turn(0, 1.0),
    )


def film_of(kind, folder):
    """The film and what is asked for."""
    path = folder / "film.mp4"
    if kind == "variable rate":
        pictures = clips.faces(len(UNEVEN), *SIZE)
        return clips.film(folder / "film.mkv", pictures, times=UNEVEN), BASE
    if kind == "one frame":
        return clips.film(path, clips.faces(1, *SIZE)), BASE
    if kind == "there and back":
        return clips.film(path, clips.faces(21, *SIZE, gap=[0, 20])), BASE
    if kind == "another rate":
        pictures = clips.faces(50, *SIZE, gap=range(15, 22))
        return clips.film(path, pictures, rate=30), replace(BASE, frame_rate=25)
    if kind == "turns":
        return clips.film(path, two_faces(50)), replace(BASE, face=turns(folder))
    # Gaps of 5 and 6 frames, at borders of windows and segments, and at the end.
    gaps = [*range(14, 19), *range(27, 33), 48, 49]
    return clips.film(path, clips.faces(50, *SIZE, gap=gaps)), BASE


@pytest.fixture(
    params=["variable rate", "one frame", "there and back", "another rate", "turns", "gaps"]
)
def made(request, tmp_path, monkeypatch, written_at):
    """A function that makes the result, keeping segments of 16 frames in a folder; it gives the
    result, and the pictures that it handed to the encoder by their time."""
    monkeypatch.setattr(segments, "SEGMENT_SECONDS", Fraction(16, 25))
    film, options = film_of(request.param, tmp_path)
    voice = clips.sound(tmp_path / "voice.wav", 1.8)

    def made(folder, part=None, **changes):
        written_at.clear()
        result = sync(
            film,
            voice,
            tmp_path / "out.mp4",
            model=Tinted(),
            options=replace(options, **changes),
            workdir=tmp_path,
            segments=tmp_path / folder,
            part=part,
        )
        return result, dict(written_at)

    return made


def told(result):
    return {name: value for name, value in result.report.items() if name != "stages"}


def test_a_run_goes_on_behind_any_segment_and_gives_the_same(made, tmp_path):
    whole, pictures = made("whole")
    records = sorted(path.name for path in (tmp_path / "whole").glob("0*.json"))
    assert len(records) > 1
    for record in records[1:]:
        shutil.copytree(tmp_path / "whole", tmp_path / record)
        (tmp_path / record / record).unlink()
        result, anew = made(record)
        assert 0 < len(anew) < len(pictures)
        assert (result.sha256, told(result)) == (whole.sha256, told(whole))
        assert result.faces == whole.faces


def test_a_part_across_a_segment_s_border_is_what_a_whole_run_would_have_made(made, tmp_path):
    part = Fraction("0.52"), Fraction("1.02")
    _, other = made("other", seed=40)
    _, before = made("whole")
    _, anew = made("whole", part, seed=40)
    tick = Fraction(json.loads((tmp_path / "whole" / "00000.json").read_text())["tick"])
    inside = {time for time in before if part[0] <= time * tick < part[1]}
    assert inside <= set(anew)
    assert any(not np.array_equal(before[time], other[time]) for time in inside)
    for time, picture in anew.items():
        assert np.array_equal(picture, (other if time in inside else before)[time])
