"""What the process says, and what it says that is no event."""

import io
import json
import queue
import sys

import pytest
from structlog.testing import capture_logs

from jobs import child as child_module
from jobs.model_events import EngineFailed, failure, lines_of, read
from tests.jobs.model.processes import PATIENCE_SECONDS


def test_a_line_that_is_no_text_ends_no_reading(child, monkeypatch):
    says = "import os; os.write(1, b'\\xff\\n')"
    monkeypatch.setattr(child_module.starting, "command", lambda: [sys.executable, "-c", says])
    with pytest.raises(EngineFailed, match="ended with status 0"):
        child.start()
        while child.next_event(PATIENCE_SECONDS) is not None:
            pass


GARBAGE = {
    "a number": "7",
    "a list": '["event"]',
    "a text": '"event"',
    "a model that is none": '{"event": "ready", "model": ["event"]}',
    "lists without end": "[" * 100_000,
    "half an event": '{"event": "pro',
}


@pytest.mark.parametrize("line", GARBAGE.values(), ids=GARBAGE)
def test_a_line_that_is_no_event_hides_no_other(line):
    events = queue.Queue()
    read(iter([line + "\n", '{"event": "done", "id": "a"}\n']), events)
    assert [events.get_nowait()["event"], events.get_nowait()] == ["done", None]


def test_a_line_without_an_end_does_not_fill_the_supervisors_memory(monkeypatch):
    monkeypatch.setattr("jobs.model_events.LONGEST_LINE", 100)
    lines = list(lines_of(io.StringIO("x" * 250 + "\n" + '{"event": "done"}\n')))
    assert [len(line) for line in lines] == [100, 100, 51, 18]


def test_a_failure_that_says_nothing_is_the_engines():
    told = failure({"event": "failed", "id": "a", "message": None})
    assert (told.code, told.refusal, bool(told.message)) == ("engine_error", False, True)


def test_the_log_says_which_model_is_served_and_what_must_be_said_of_it():
    told = {"name": "latentsync-1.6", "version": "1.6", "device": "cuda:0"}
    lines = [{"event": "ready", "model": {**told, "notices": ["x.onnx: research only"]}}]
    with capture_logs() as logs:
        read(map(json.dumps, lines), queue.Queue())
    assert {"event": "model_ready", "log_level": "info", **told} in logs
    (notice,) = [line for line in logs if line["event"] == "model_notice"]
    assert notice["notice"] == "x.onnx: research only"
