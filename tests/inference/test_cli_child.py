import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from inference.child import Child
from inference.pipeline.stages import MOST_FRAMES
from tests.inference import clips, models
from tests.inference.runs import SIZE

ROOT = Path(__file__).parents[2]


# As `python -m inference.child`, but that a piece is a window of 16 frames, and that it waits for
# the cancel of the order "first" when it has told of a piece of it. More frames follow than can be
# under way, so the network is not done with them: the cancel doesn't come too late.
HEEDFUL = """
import sys, time
from fractions import Fraction
from inference import child
from inference.results import segments

segments.SEGMENT_SECONDS = Fraction(16, 25)
say = child.Child._say

def said(self, event, **facts):
    say(self, event, **facts)
    for _ in range(6000 if (event, facts.get("id")) == ("segment", "first") else 0):
        if "first" in self._canceled:
            break
        time.sleep(0.01)

child.Child._say = said
sys.exit(child.main())
"""


class Running:
    """The warm child as the worker sees it. orders: what lies there before it looks."""

    def __init__(self, bundle, *orders, program=("-m", "inference.child")):
        reading, writing = os.pipe()
        self._orders = os.fdopen(writing, "w")
        self.say(*orders)
        self.process = subprocess.Popen(
            [sys.executable, *program, "--bundle", str(bundle), "--device", "cpu"],
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )
        os.close(reading)

    def say(self, *orders):
        """All at once: it hears the last before it has worked on the first."""
        self.tell("".join(json.dumps(order) + "\n" for order in orders))

    def tell(self, text):
        self._orders.write(text)
        self._orders.flush()

    def hear(self, *events):
        """The next event of these kinds."""
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] in events:
                return event
        raise AssertionError(f"it ended ({self.process.wait()}) without saying {events}")

    def close(self):
        self._orders.close()
        return self.process.wait(timeout=240)


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


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A sound whose film takes minutes: nobody is done with it before they are told to stop."""
    return str(clips.sound(tmp_path_factory.mktemp("long") / "long.wav", 150.0))


def test_it_is_ready_once_and_works_through_its_orders(child, order, tmp_path):
    """A refusal names code, hint and whose fault it is, and is not the end."""
    assert child.ready["model"]["label"] == "test model"
    text = tmp_path / "text.mp4"
    text.write_text("hello")
    child.say(order("one", video=str(text)), order("two"))
    failed = child.hear("failed", "done")
    assert (failed["id"], failed["code"], failed["refusal"]) == ("one", "unsupported_media", True)
    assert failed["message"]
    assert failed["hint"]
    assert child.hear("progress")["id"] == "two"
    done = child.hear("done", "failed")
    assert (done["event"], done["id"], done["result"]["frames"]) == ("done", "two", 20)


def test_a_cancel_is_heard_while_it_works(child, order, long, tmp_path):
    child.say(order("one", audio=long))
    while child.hear("progress")["stage"] != "generate":
        pass
    child.say({"op": "cancel", "id": "one"})
    failed = child.hear("done", "failed")
    assert (failed["code"], failed["refusal"]) == ("canceled", False)
    assert not list((tmp_path / "one").iterdir())


def test_a_cancel_of_an_order_that_waits_is_kept(child, order):
    child.say(order("one"), order("two"), {"op": "cancel", "id": "two"})
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
    child.say(order("one", **changes))
    failed = child.hear("failed")
    assert (failed["id"], failed["code"]) == ("one", "bad_option")


def test_report_segments_and_a_part_are_had_by_asking(child, order, tmp_path):
    more = {"report": str(tmp_path / "report.json"), "segments": str(tmp_path / "segments")}
    child.say(order("one", **more))
    assert child.hear("done", "failed")["event"] == "done"
    child.say(order("two", **more, part=[0, "1/2"]))
    done = child.hear("done", "failed")
    assert (done["event"], done["result"]["frames"]) == ("done", 20)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["options"]["parts"][0]["to"] == "1/2"


PIECES = 1 + MOST_FRAMES // 16 + 2  # the first, as much as can be under way, and more


@pytest.fixture(scope="module")
def attempts(bundle, tmp_path_factory):
    """The pieces that an order left which was canceled after its first, and what the child said: of
    that one, of the same files laid elsewhere, and of those without a folder."""
    running = Running(bundle, program=("-c", HEEDFUL))
    folder = tmp_path_factory.mktemp("attempts")
    video = clips.film(folder / "a.mp4", clips.faces(40, *SIZE))
    voice = clips.sound(folder / "a.wav", PIECES * 16 / 25)
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
        running.say({"op": "sync", "id": name, "options": {"steps": 20}, **order})
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
            running.say({"op": "cancel", "id": events[-1]["id"]})
        events.append(running.hear("progress", "segment", "done", "failed"))
    return events


def pieces_told(events):
    return [event["number"] for event in events if event["event"] == "segment"]


def test_an_order_that_is_canceled_has_told_of_each_piece_that_it_leaves(attempts):
    left, said = attempts
    told = pieces_told(said["first"])
    assert said["first"][-1]["code"] == "canceled"
    assert told == list(range(len(told)))
    assert left == [f"{number:05d}.{kind}" for number in told for kind in ("json", "mp4")]


def test_the_next_attempt_goes_on_after_pieces_of_the_same_files_at_other_paths(attempts):
    _, said = attempts
    first, second = pieces_told(said["first"]), pieces_told(said["second"])
    assert first and second
    assert first + second == list(range(PIECES))
    assert said["second"][-1]["result"]["sha256"] == said["alone"][-1]["result"]["sha256"]
    assert pieces_told(said["alone"]) == []


def test_an_order_that_finds_the_model_loading_is_told_so(bundle, order):
    running = Running(bundle, order("one"))
    told = running.hear("progress", "ready")
    assert (told["event"], told["id"], told["stage"]) == ("progress", "one", "load")
    assert running.hear("ready", "done")["event"] == "ready"
    assert running.hear("done", "failed")["event"] == "done"
    assert running.close() == 0


def test_a_line_that_is_no_order_is_answered(child):
    child.tell("hello\n")
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


def test_with_its_input_a_running_sync_ends_too(mortal, order, long, tmp_path):
    child = mortal
    child.say(order("one", audio=long))
    while child.hear("progress")["stage"] != "generate":
        pass
    assert child.close() == 0
    assert not list((tmp_path / "one").iterdir())
