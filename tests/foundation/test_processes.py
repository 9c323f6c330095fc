"""The supervisor of bin/demo: what dies is started again, and nothing outlives it."""

import os
import signal
import subprocess
import sys

import pytest

from portal.embedded.processes import Broken, Processes, entries
from portal.environment import ROOT
from tests.foundation.test_postgres import alive, until

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def processes(tmp_path):
    processes = Processes(tmp_path, os.environ)
    yield processes
    processes.stop()


def test_a_process_that_died_is_started_again(processes):
    processes.start("sleeper", SLEEPER)
    first = processes.running[0].process
    first.kill()
    first.wait()
    assert processes.watch() == ["sleeper"]
    assert processes.running[0].process.pid != first.pid
    assert processes.watch() == []


def test_a_process_that_never_stays_alive_is_reported_with_its_log(processes, monkeypatch):
    monkeypatch.setattr("portal.embedded.processes.HEALTHY_SECONDS", 600)  # however slow its start
    processes.start("broken", [sys.executable, "-c", "raise SystemExit('no such thing')"])
    with pytest.raises(Broken, match=r"broken does not stay alive.*broken\.log"):
        until(lambda: processes.watch() and False)
    assert "no such thing" in (processes.logs / "broken.log").read_text()


def test_what_a_process_forked_goes_with_it(processes):
    fork = "import os, time; print(os.fork(), flush=True); time.sleep(600)"
    processes.start("forker", [sys.executable, "-c", fork])
    log = processes.logs / "forker.log"
    until(lambda: len(log.read_text().split()) == 2)
    child = max(int(word) for word in log.read_text().split())
    processes.stop()
    until(lambda: not alive(child))


def test_processes_end_with_a_supervisor_that_was_killed(tmp_path):
    program = """
import os, sys, time
from pathlib import Path
from portal.embedded.processes import Processes
processes = Processes(Path(sys.argv[1]), os.environ)
processes.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])
print(processes.running[0].process.pid, flush=True)
time.sleep(600)
"""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    child = int(supervisor.stdout.readline())
    supervisor.send_signal(signal.SIGKILL)
    until(lambda: not alive(child))


def test_the_procfile_names_the_processes_of_the_architecture():
    assert [name for name, _ in entries(ROOT / "Procfile")] == [
        "web",
        "dispatcher",
        "task-worker",
        "gpu-worker",
    ]
