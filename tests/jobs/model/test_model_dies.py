"""A process that dies: what it means, and the next job has another."""

import os
import signal
import sys

import pytest

from jobs import child as child_module
from jobs.failures import TRY_AGAIN
from jobs.model_events import EngineFailed, NotBegun
from tests.jobs.model.processes import PATIENCE_SECONDS, last_event, plan
from tests.messaging.sqs import eventually


def test_a_process_that_dies_is_a_fault_and_the_next_job_has_another(child, bundle, request_of):
    plan(bundle, then="die")
    child.begin("a", **request_of)
    with pytest.raises(EngineFailed, match="killed by signal 9") as crash:
        last_event(child, "done")
    assert (crash.value.code, crash.value.refusal) == ("engine_crashed", False)
    plan(bundle, then="done")
    child.begin("b", **request_of)
    assert last_event(child, "done")["id"] == "b"


def test_a_process_that_died_idle_is_replaced_before_the_next_job(child, request_of):
    child.begin("a", **request_of)
    last_event(child, "done")
    os.kill(child._process.pid, signal.SIGKILL)
    eventually(lambda: not child.alive)
    child.begin("b", **request_of)
    assert last_event(child, "done")["id"] == "b"


def test_a_process_that_died_before_a_word_of_the_job_has_not_begun_it(child, request_of):
    child.begin("a", **request_of)
    last_event(child, "done")
    os.kill(child._process.pid, signal.SIGSTOP)
    child.begin("b", **request_of)
    os.kill(child._process.pid, signal.SIGKILL)
    with pytest.raises(NotBegun):
        last_event(child, "done")


def test_a_process_killed_from_outside_says_what_may_help(child, bundle, request_of):
    plan(bundle, then="die")
    child.begin("a", **request_of)
    with pytest.raises(EngineFailed) as crash:
        last_event(child, "done")
    assert type(crash.value) is EngineFailed
    assert "out of memory" in crash.value.hint and "smaller" in crash.value.hint


def test_a_process_that_we_have_killed_ourselves_was_not_out_of_memory(child, monkeypatch):
    """It has closed its pipe and does not end."""
    lingers = "import os, time; os.close(1); time.sleep(600)"
    command = [sys.executable, "-c", lingers]
    monkeypatch.setattr(child_module.starting, "command", lambda: command)
    monkeypatch.setattr(child_module, "POLITE_SECONDS", 0.3)
    child.start()
    with pytest.raises(EngineFailed, match="killed by signal 9") as crash:
        child.next_event(PATIENCE_SECONDS)
    assert crash.value.hint == TRY_AGAIN
