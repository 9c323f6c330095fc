"""An end that is asked for, one that is forced, and one that nobody outlives."""

import os
import signal
import subprocess
import sys

import pytest

from jobs import child as child_module
from portal.environment import ROOT
from tests.jobs.model.processes import A_MINUTE, is_alive, last_event, others_in_group, plan
from tests.messaging.sqs import eventually


def test_a_process_that_hears_nothing_is_killed_with_what_it_started(child, bundle, request_of):
    plan(bundle, then="hang")
    child.begin("a", **request_of)
    last_event(child, "progress")
    child.kill()
    assert not child.alive


def test_a_process_that_hears_no_cancel_is_asked_to_end(
    child, bundle, request_of, settings, monkeypatch
):
    monkeypatch.setattr(child_module, "POLITE_SECONDS", 60)
    settings.CANCEL_SECONDS = 0.2
    plan(bundle, **A_MINUTE, deaf=True)
    child.begin("a", **request_of)
    last_event(child, "progress")
    child.end("a")
    assert child._process.returncode == -signal.SIGTERM


def test_a_process_that_hears_no_TERM_either_is_killed(
    child, bundle, request_of, settings, monkeypatch
):
    monkeypatch.setattr(child_module, "POLITE_SECONDS", 0.3)
    settings.CANCEL_SECONDS = 0.2
    plan(bundle, **A_MINUTE, deaf=True, stubborn=True)
    child.begin("a", **request_of)
    last_event(child, "progress")
    child.end("a")
    assert child._process.returncode == -signal.SIGKILL


def test_nobody_is_polite_when_the_lease_is_lost_meanwhile(child, bundle, request_of, settings):
    settings.CANCEL_SECONDS = 60
    plan(bundle, **A_MINUTE, deaf=True)
    child.begin("a", **request_of)
    last_event(child, "progress")
    answers = iter([True, True])
    child.end("a", lambda: next(answers, False))
    assert child._process.returncode == -signal.SIGKILL


def test_a_kill_reaches_what_the_process_has_started(child, bundle, request_of):
    plan(bundle, company=True, **A_MINUTE)
    child.begin("a", **request_of)
    last_event(child, "progress")
    company = others_in_group(child._process.pid)
    assert len(company) == 1
    child.kill()
    eventually(lambda: not any(map(is_alive, company)))


def test_a_worker_whose_model_cannot_be_killed_ends_itself(child, monkeypatch):
    class Exited(BaseException):
        pass

    def leave(status):
        raise Exited(status)

    child.start()
    monkeypatch.setattr(child_module, "KILL_SECONDS", 0.1)
    monkeypatch.setattr(child_module.os, "_exit", leave)
    with monkeypatch.context() as hung, pytest.raises(Exited):
        hung.setattr(child, "_signal", lambda number: None)
        child.kill()


def test_what_the_process_has_started_ends_when_it_is_killed_from_outside(
    child, bundle, request_of
):
    """By the kernel, say, when memory is out: nobody signals the group then."""
    plan(bundle, company=True, **A_MINUTE)
    child.begin("a", **request_of)
    last_event(child, "progress")
    company = others_in_group(child._process.pid)
    os.kill(child._process.pid, signal.SIGKILL)
    eventually(lambda: not any(map(is_alive, company)))


@pytest.mark.parametrize("module", ["tests.stub_child", "inference.child"])
def test_the_process_ends_with_its_supervisor_however_that_ends(module, settings, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, module, str(settings.MODEL_BUNDLE)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    child, keeper = map(int, supervisor.stdout.readline().split())
    assert is_alive(child)
    supervisor.kill()
    supervisor.wait()
    eventually(lambda: not is_alive(child))
    os.kill(keeper, signal.SIGKILL)


# The child's input is kept open by yet another process: its end is not what the child hears of.
SUPERVISOR = """
import os, subprocess, sys, time
read, write = os.pipe()
keeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"], pass_fds=[write])
command = [sys.executable, "-m", sys.argv[1], "--bundle", sys.argv[2], "--device", "cpu"]
child = subprocess.Popen(command, stdin=read, stdout=subprocess.PIPE, start_new_session=True)
assert b"ready" in child.stdout.readline()
print(child.pid, keeper.pid, flush=True)
time.sleep(120)
"""
