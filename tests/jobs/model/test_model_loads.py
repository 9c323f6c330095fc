"""A model that loads, or does not: no job is to blame, and bytes that arrive are no silence."""

from types import SimpleNamespace

import pytest

from jobs import child as child_module
from jobs.model_events import EngineFailed
from tests.jobs.model.processes import plan


def test_a_process_that_dies_while_it_loads_says_so(child, bundle, request_of, settings):
    settings.MODEL_CHILD_MODULE = "tests.no_such_module"
    with pytest.raises(EngineFailed, match="ended with status 1 while it loaded"):
        child.begin("a", **request_of)


def test_a_model_that_does_not_load_is_a_fault(child, bundle, request_of, settings, monkeypatch):
    monkeypatch.setattr(child_module, "START_SECONDS", 0)
    monkeypatch.setattr(child_module, "POLL_SECONDS", 0)
    plan(bundle, load_seconds=60)
    with pytest.raises(EngineFailed, match="did not load"):
        child.begin("a", **request_of)


def test_a_worker_without_its_gpu_blames_no_video(child, request_of, monkeypatch):
    told = {"code": "bad_option", "message": "This machine has no usable GPU.", "refusal": True}
    events = iter([{"event": "failed", "id": None, **told}])
    monkeypatch.setattr(child, "next_event", lambda timeout: next(events))
    with pytest.raises(EngineFailed, match="no usable GPU") as failed:
        child.begin("a", **request_of)
    assert not failed.value.refusal


def test_bytes_of_a_bundle_that_arrive_are_no_silence(child, monkeypatch):
    """By a clock of the test's: two thirds of what is too long pass between any two of them."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(child_module, "time", clock)
    silence, arrives = None, {"event": "fetching", "done": 1, "total": 2}
    heard = iter([*[silence, arrives] * 4, {"event": "ready"}])

    def next_event(timeout):
        event = next(heard)
        clock.now += 0 if event else child_module.START_SECONDS * 2 / 3
        return event

    monkeypatch.setattr(child, "next_event", next_event)
    child._await_ready(lambda: None)
    assert next(heard, None) is None
