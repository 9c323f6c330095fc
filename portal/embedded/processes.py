"""The Procfile's processes: started, watched, started again when they die, stopped in order."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from portal.embedded import bound
from portal.environment import ROOT

STOP_SECONDS = 15
# A process that ended sooner than this after its start is broken, not unlucky.
HEALTHY_SECONDS = 5.0
FALSE_STARTS = 3


class Broken(Exception):
    """A process ends again and again right after its start."""


class Process:
    """One command; its output is appended to a log, its life is bound to ours."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path):
        self.name = name
        self.command = command
        self.environment = environment
        self.log = log
        self.false_starts = 0

    def start(self) -> None:
        self.begun = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                bound.command(self.command),
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: we stop them in their order
            )

    def revive(self) -> bool:
        """Start it again if it is dead; whether it was. Raises Broken."""
        if self.process.poll() is None:
            return False
        lived = time.monotonic() - self.begun
        self.false_starts = 0 if lived > HEALTHY_SECONDS else self.false_starts + 1
        if self.false_starts >= FALSE_STARTS:
            raise Broken(f"{self.name} does not stay alive; the reason stands in {self.log}.")
        self.signal(signal.SIGKILL)  # what it may have left behind in its group
        self.start()
        return True

    def signal(self, number: signal.Signals) -> None:
        """To the process and what it forked."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


class Processes:
    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.logs = home / "logs"
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.environment = environment
        self.running: list[Process] = []

    def start(self, name: str, command: list[str], **environment: str) -> None:
        told = {**self.environment, **environment}
        process = Process(name, command, told, self.logs / f"{name}.log")
        process.start()
        self.running.append(process)

    def watch(self) -> list[str]:
        """Names of those that had died and run again. Raises Broken."""
        return [process.name for process in self.running if process.revive()]

    def stop(self) -> None:
        """Each asked politely, the last started first; what does not hear is killed. Bounded.

        The first one, the queue server, is asked after the others are gone.
        """
        others, first = self.running[1:], self.running[:1]
        _end(others[::-1])
        _end(first)
        self.running = []


def _end(processes: list[Process]) -> None:
    for process in processes:
        # To the process alone: gunicorn and dramatiq end their own.
        process.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.process.wait(max(0.0, deadline - time.monotonic()))
        process.signal(signal.SIGKILL)
        process.process.wait()


def entries(procfile: Path) -> list[tuple[str, list[str]]]:
    """`name: command` lines; a command's `python` is this one, `$PORT` the environment's."""
    lines = [line for line in procfile.read_text().splitlines() if line and line[0] != "#"]
    named = [line.partition(":")[::2] for line in lines]
    return [(name, _command(command)) for name, command in named]


def _command(command: str) -> list[str]:
    words = shlex.split(os.path.expandvars(command))
    return [sys.executable, *words[1:]] if words[0] == "python" else words
