"""Each benchmark at toy size, so that none rots. No figure of time or memory is asserted."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from benchmarks import (
    engine_cpu,
    engine_fast,
    engine_gpu,
    engine_memory,
    engine_overlap,
    footage,
)
from benchmarks.card import Card
from benchmarks.measuring import ChildrenWatch
from benchmarks.networks import TINY
from benchmarks.whole_ways import Film, Pace, Whole
from inference.model import fast
from inference.model.stand_ins import StandIn
from tests.inference import models
from tests.inference.runs import wait_until

SECONDS = 0.8


def rows(report):
    return {name: figure for name, figure, _ in report.rows}


def test_the_cpu_s_share_is_measured_against_the_reference_s_way(speaker, tmp_path):
    report = engine_cpu.measure(speaker, SECONDS, 0.4, 64, tmp_path)
    names = [target.name for target in report.targets]
    assert names == ["ratio without encoders", "ratio with encoders", "ours without encoder"]
    found = rows(report)
    assert found["    paste"] < found["baseline, without encoders"]
    assert found["ours, without encoder"] > 0


def test_a_film_without_a_face_is_not_measured(tmp_path):
    blank = footage.film(tmp_path / "blank.mp4", 0.2, 64, 48)
    network = engine_cpu.StandIn("identity", 64)
    with (
        engine_cpu.without_encoders(blank, Fraction(1, 5), network) as run,
        pytest.raises(RuntimeError, match="0 of 5 frames"),
    ):
        run()


def test_the_overlap_is_measured_with_a_network_that_sleeps(speaker, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_overlap, "SLOW", 0.2)
    monkeypatch.setattr(engine_overlap, "FAST", 0.1)
    report = engine_overlap.measure(speaker, SECONDS, 64, tmp_path)
    found = rows(report)
    assert found["a slow GPU: the network alone"] == pytest.approx(20 * 0.2 / 25)
    assert {"faces alone", "read alone", "write alone"} <= found.keys()
    assert all(target.at_most for target in report.targets)


def test_memory_is_measured_of_a_short_run_and_of_the_whole(tmp_path, monkeypatch):
    # In this process: two more that load torch would take most of the test's time.
    monkeypatch.setattr(
        engine_memory, "run_alone", lambda video, voice, limit: engine_memory.run(video, voice)
    )
    watches, paint = [], StandIn.paint

    def watched(self, *request, **more):
        wait_until(lambda: watches[-1].peak_mib)  # a run this short may be over before it looks
        return paint(self, *request, **more)

    monkeypatch.setattr(ChildrenWatch, "SECONDS", 0.05)
    monkeypatch.setattr(
        engine_memory, "ChildrenWatch", lambda: watches.append(ChildrenWatch()) or watches[-1]
    )
    monkeypatch.setattr(StandIn, "paint", watched)
    case = engine_memory.Case(film=1, sound=1.2, short_film=1, short_sound=0.4)
    report = engine_memory.measure("toy", case, tmp_path, limit=120)
    found = rows(report)
    assert found["1.2 s: engine"] > 100
    assert found["1.2 s: largest process it starts"] > 5
    assert len(report.targets) == 2


def test_the_gpu_s_benchmark_runs_where_there_is_none(speaker, tmp_path):
    voice = footage.sound(tmp_path / "voice.wav", SECONDS)
    film = Film(speaker, voice, SECONDS)
    card = Card(torch.device("cpu"), torch.float32, side=32)
    report = engine_gpu.measure(
        card, TINY, [64], (replace(film, seconds=0.4), film), tmp_path, steps=1, times=1
    )
    found = rows(report)
    assert found["matrix rate, measured"] > 0
    assert found["64 px: one step"] > 0
    assert {"64 px: film, ours", "64 px: film, LatentSync's way"} <= found.keys()
    assert report.targets == []  # a CPU and tiny networks promise nothing


def test_what_any_length_takes_follows_from_two():
    short, long = (Whole(wall, 0, 0.0) for wall in (7.0, 19.0))
    pace = Pace.of(short, long, 2, 8)
    assert (pace.start, pace.second) == (3.0, 2.0)
    assert pace.takes(30) == 63.0
    assert pace.longest(90) == 43.5


def test_a_missed_target_is_named_and_tells_by_the_exit_status(tmp_path, capsys):
    report = engine_cpu.Report("A title")
    report.add("a figure", 1.25, "s")
    report.promise("ratio", 5.9, 6)
    report.promise("seconds", 1.4, 1.5, at_most=True)
    given = engine_cpu.parser("").parse_args(["--json", str(tmp_path / "figures.json")])
    assert engine_cpu.finish(report, given) == 3
    shown = capsys.readouterr().out
    assert "MISSED  ratio: 5.90 (at least 6)" in shown
    assert "met     seconds: 1.40 (at most 1.5)" in shown
    kept = json.loads((tmp_path / "figures.json").read_text())
    assert kept["targets"][0]["met"] is False
    assert kept["machine"]["cores"] >= 1


def test_what_fast_changes_is_measured_beside_what_more_steps_change(monkeypatch):
    monkeypatch.setattr(engine_fast, "EXACT_STEPS", 2)
    monkeypatch.setattr(engine_fast, "MORE_STEPS", 3)
    before = fast.WHOLE_EVERY
    report = engine_fast.measure(models.model(), 2, ways=((2, 1), (2, 2)))
    found = rows(report)
    assert found["2 steps, whole every 2"] > 0
    assert found["2 steps, whole every 1"] != found["2 steps, whole every 2"]
    assert before == fast.WHOLE_EVERY  # left as it was
