"""A process of the product with all that it started, to be killed as a machine would kill it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from portal.embedded import bound

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = float(os.environ.get("FAULTS_PATIENCE_SECONDS", 60))


class Warm:
    """The parent of `tests.faults.warm`; ends with this process, its children with it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "tests.faults.warm"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            bound.command(command), cwd=ROOT, env=environment, stdin=pipe, stdout=pipe
        )
        self._answer()

    def fork(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> int:
        told = {"arguments": arguments, "environment": dict(environment), "log": str(log)}
        return int(self._ask(told)["pid"])

    def status(self, pid: int) -> int | None:
        status: int | None = self._ask({"poll": pid})["status"]
        return status

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


class Process:
    """Forked from a warm parent, or a fresh one that shares nothing with it.

    It leads a group of its own; its output goes to a file.
    """

    def __init__(
        self,
        warm: Warm,
        arguments: list[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        fresh: bool = False,
    ) -> None:
        self.log = log
        self._warm = warm
        self._status: int | None = None
        self._popen: subprocess.Popen[bytes] | None = None
        if fresh:
            self._popen = _started([sys.executable, *arguments], environment, log)
            self.pid = self._popen.pid
        else:
            self.pid = warm.fork(arguments, environment, log)

    @property
    def status(self) -> int | None:
        """How it ended: the exit status, the negative number of a signal, or None: it lives."""
        if self._status is None:
            ended = self._popen.poll() if self._popen else self._warm.status(self.pid)
            self._status = ended
        return self._status

    @property
    def alive(self) -> bool:
        return self.status is None

    def kill(self) -> None:
        """SIGKILL to all of the group at once: nobody has time to say anything."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: signal.Signals) -> None:
        """To the whole group; a process that has ended hears nothing."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def terminate(self, seconds: float = PATIENCE_SECONDS) -> int:
        """SIGTERM as an orchestrator sends it; the exit status."""
        self.ask_to_end()
        return self.wait(seconds)

    def ask_to_end(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        until(lambda: not self.alive, f"process {self.pid} ends", seconds=seconds)
        assert self.status is not None
        return self.status

    def sleeps(self) -> bool:
        """Whether a process of the group was stopped by a signal, as a crash point may order."""
        return any(state == "T" for _, state in self._group())

    def wake(self) -> None:
        self.signal(signal.SIGCONT)

    def _group(self) -> list[tuple[int, str]]:
        """Process id and state of each in the group."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                # pid (name) state parent group ...; a name may hold anything
                state, _, group = path.read_text().rpartition(")")[2].split()[:3]
                if int(group) == self.pid:
                    found.append((int(path.parent.name), state))
        return found


def until(condition: Callable[[], Any], what: str, *, seconds: float = PATIENCE_SECONDS) -> Any:
    """What the condition returns once that is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.03)
    return value


def _started(
    command: list[str], environment: Mapping[str, str], log: Path
) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(
            bound.command(command),
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
