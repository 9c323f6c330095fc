import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inference.child import Child
from tests.inference import clips, models
from tests.inference.runs import SIZE

ROOT = Path(__file__).parents[2]


class Running:
    """The warm child as the worker sees it."""

    def __init__(self, bundle):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "inference.child", "--bundle", str(bundle), "--device", "cpu"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )

    def say(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def hear(self, *events):
        """The next event of these kinds."""
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] in events:
                return event
        raise AssertionError(f"it ended ({self.process.wait()}) without saying {events}")

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return models.bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def child(bundle):
    """One for all tests that leave it alive: it takes seconds to start."""
    yield from started(bundle)


@pytest.fixture
def mortal(bundle):
    yield from started(bundle)


def started(bundle):
    running = Running(bundle)
    running.ready = running.hear("ready")
    yield running
    running.process.kill()
    running.process.wait()


@pytest.fixture
def order(tmp_path):
    video = clips.film(tmp_path / "a.mp4", clips.faces(20, *SIZE))
    voice = clips.sound(tmp_path / "a.wav", 0.8)

    def order(name, **changes):
        workdir = tmp_path / name
        workdir.mkdir()
        files = {"video": video, "audio": voice, "out": workdir / "out.mp4", "workdir": workdir}
        paths = {key: str(value) for key, value in files.items()}
        return {"op": "sync", "id": name, **paths, "options": {"steps": 20}, **changes}

    return order


def test_it_is_ready_once_and_works_through_its_orders(child, order, tmp_path):
    """A refusal names code, hint and whose fault it is, and is not the end."""
    assert child.ready["model"]["label"] == "test model"
    text = tmp_path / "text.mp4"
    text.write_text("hello")
    child.say(**order("one", video=str(text)))
    child.say(**order("two"))
    failed = child.hear("failed", "done")
    assert (failed["id"], failed["code"], failed["refusal"]) == ("one", "unsupported_media", True)
    assert failed["message"]
    assert failed["hint"]
    assert child.hear("progress")["id"] == "two"
    done = child.hear("done", "failed")
    assert (done["event"], done["id"], done["result"]["frames"]) == ("done", "two", 20)


def test_a_cancel_is_heard_while_it_works(child, order, tmp_path):
    child.say(**order("one", audio=str(clips.sound(tmp_path / "long.wav", 12.0))))
    while child.hear("progress")["stage"] != "generate":
        pass
    child.say(op="cancel", id="one")
    failed = child.hear("done", "failed")
    assert (failed["code"], failed["refusal"]) == ("canceled", False)
    assert not list((tmp_path / "one").iterdir())


def test_a_cancel_of_an_order_that_waits_is_kept(child, order):
    child.say(**order("one"))
    child.say(**order("two"))
    child.say(op="cancel", id="two")
    assert child.hear("done", "failed")["id"] == "one"
    assert child.hear("done", "failed")["code"] == "canceled"


@pytest.mark.parametrize(
    "changes",
    [
        {"options": {"steps": 1}},
        {"options": {"speed": 2}},
        {"out": None},
        {"op": "dance"},
        {"report": 5},
        {"part": [0, 1]},
        {"part": "0-1"},
    ],
)
def test_a_wrong_order_is_answered(child, order, changes):
    child.say(**order("one", **changes))
    failed = child.hear("failed")
    assert (failed["id"], failed["code"]) == ("one", "bad_option")


def test_report_segments_and_a_part_are_had_by_asking(child, order, tmp_path):
    more = {"report": str(tmp_path / "report.json"), "segments": str(tmp_path / "segments")}
    child.say(**order("one", **more))
    assert child.hear("done", "failed")["event"] == "done"
    child.say(**order("two", **more, part=[0, "1/2"]))
    done = child.hear("done", "failed")
    assert (done["event"], done["result"]["frames"]) == ("done", 20)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["options"]["parts"][0]["to"] == "1/2"


@pytest.fixture(scope="module")
def attempts(bundle, tmp_path_factory):
    """A folder of pieces, and what the child said: of an order canceled after its first piece, of
    the same files laid elsewhere, and of those without a folder."""
    running = Running(bundle)
    folder = tmp_path_factory.mktemp("attempts")
    video = clips.film(folder / "a.mp4", clips.faces(40, *SIZE))
    voice = clips.sound(folder / "a.wav", 13.0)
    said = {}
    for name in ("first", "second", "alone"):
        (place := folder / name).mkdir()
        paths = {
            "video": shutil.copy(video, place / f"{name}.mp4"),
            "audio": shutil.copy(voice, place / f"{name}.wav"),
            "out": place / "out.mp4",
            "workdir": place,
        }
        if name != "alone":
            paths["segments"] = folder / "pieces"
        order = {key: str(path) for key, path in paths.items()}
        running.say(op="sync", id=name, options={"steps": 20}, **order)
        said[name] = listened(running, stops=name == "first")
        if name == "first":
            left = sorted(path.name for path in (folder / "pieces").iterdir())
    running.close()
    return left, said


def listened(running, stops):
    """All events of an order, which is canceled after its first piece if it stops."""
    events = [running.hear("progress", "segment", "done", "failed")]
    while events[-1]["event"] not in ("done", "failed"):
        if stops and events[-1]["event"] == "segment":
            running.say(op="cancel", id=events[-1]["id"])
        events.append(running.hear("progress", "segment", "done", "failed"))
    return events


def pieces_told(events):
    return [event["number"] for event in events if event["event"] == "segment"]


def test_an_order_that_is_canceled_has_told_of_each_piece_that_it_leaves(attempts):
    left, said = attempts
    assert said["first"][-1]["code"] == "canceled"
    assert pieces_told(said["first"]) == [0]
    assert left == ["00000.json", "00000.mp4"]


def test_the_next_attempt_goes_on_after_pieces_of_the_same_files_at_other_paths(attempts):
    _, said = attempts
    assert pieces_told(said["second"]) == [1]
    assert said["second"][-1]["result"]["sha256"] == said["alone"][-1]["result"]["sha256"]
    assert pieces_told(said["alone"]) == []


def test_an_order_that_finds_the_model_loading_is_told_so(bundle, order):
    running = Running(bundle)
    running.say(**order("one"))
    told = running.hear("progress", "ready")
    assert (told["event"], told["id"], told["stage"]) == ("progress", "one", "load")
    assert running.hear("ready", "done")["event"] == "ready"
    assert running.hear("done", "failed")["event"] == "done"
    assert running.close() == 0


def test_a_line_that_is_no_order_is_answered(child):
    child.process.stdin.write("hello\n")
    child.process.stdin.flush()
    assert child.hear("failed")["code"] == "bad_option"


def serve(bundle):
    """In this process, with no orders: its exit status and what it said."""
    said = io.StringIO()
    code = Child(io.StringIO(), said).serve(bundle, "cpu")
    return code, [json.loads(line) for line in said.getvalue().splitlines()]


def test_it_ends_with_its_input(bundle):
    code, events = serve(bundle)
    assert (code, [event["event"] for event in events]) == (0, ["ready"])


def test_without_a_model_it_says_so_and_ends(tmp_path):
    code, (failed,) = serve(tmp_path / "nothing")
    assert (code, failed["event"], failed["code"]) == (1, "failed", "bad_checkpoint")


def test_with_its_input_a_running_sync_ends_too(mortal, order, tmp_path):
    child = mortal
    child.say(**order("one", audio=str(clips.sound(tmp_path / "long.wav", 12.0))))
    while child.hear("progress")["stage"] != "generate":
        pass
    assert child.close() == 0
    assert not list((tmp_path / "one").iterdir())
