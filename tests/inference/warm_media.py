"""Media processes that are forked where a test would wait for Python to start one.

Each film of a test goes through five to ten media processes, and nearly all that they cost is the
import of PyAV and NumPy. Here one process imports what the media process imports, and forks for
each request: the same main(), confined in the same way, with the same descriptors. Files that
test the process itself take the real one (conftest names them), and so does every test that runs
the command as a process of its own.
"""

import contextlib
import fcntl
import gc
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable
from typing import Any

ABOVE = 512  # no descriptor that a request names is as large
LARGEST = 64 << 10  # bytes of a request
STARTED, ENDED = struct.Struct("i"), struct.Struct("i")


class WarmMedia:
    """In the place of the module `subprocess` as `inference.media.process` uses it."""

    PIPE, DEVNULL = subprocess.PIPE, subprocess.DEVNULL
    TimeoutExpired = subprocess.TimeoutExpired

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._socket: socket.socket | None = None

    def Popen(self, command: list[str], **more: Any) -> Any:
        from inference.media import process

        usual = [sys.executable, "-I", "-c", process.BOOT, process.ROOT]
        if command[:-1] != usual or more["env"] is not process.ENVIRONMENT:
            return subprocess.Popen(command, **more)
        return Forked(self._mother(process.ROOT, more["env"]), command[-1], more["pass_fds"])

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._process.wait(timeout=60)

    def _mother(self, root: str, environment: dict[str, str]) -> socket.socket:
        with self._starting:
            if self._socket is None:
                self._socket, hers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                self._process = subprocess.Popen(
                    [sys.executable, "-I", __file__, root, str(hers.fileno())],
                    stdin=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[hers.fileno()],
                    env=environment,
                    cwd="/",
                )
                hers.close()
            return self._socket


class Forked:
    """As much of subprocess.Popen as the media process's owner uses."""

    def __init__(self, mother: socket.socket, request: str, descriptors: Iterable[int]) -> None:
        reading, writing = os.pipe()
        self._keeper, hers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        named = list(descriptors)
        order = json.dumps({"request": request, "descriptors": named}).encode()
        socket.send_fds(mother, [order], [hers.fileno(), writing, *named])
        hers.close()
        os.close(writing)
        self.stdout = os.fdopen(reading, "rb", buffering=0)
        self.returncode: int | None = None
        self._reaping = threading.Lock()
        self._keeper.settimeout(60)
        (self.pid,) = STARTED.unpack(self._keeper.recv(STARTED.size))

    def kill(self) -> None:
        if self.returncode is None:  # its keeper holds its number until wait() closes the socket
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(timeout=0.001)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        with self._reaping:
            if self.returncode is None:
                self._keeper.settimeout(timeout)
                try:
                    (self.returncode,) = ENDED.unpack(self._keeper.recv(ENDED.size))
                except TimeoutError as error:
                    raise subprocess.TimeoutExpired("media process", timeout or 0) from error
                self._keeper.close()
            return self.returncode


def mother(root: str, ours: int) -> None:
    sys.path.insert(0, root)
    from inference.media import child, sandbox

    child.load_everything()
    child.load_everything = lambda: None
    gc.freeze()
    mine = os.getpid()
    orders = socket.socket(fileno=ours)
    with contextlib.suppress(ConnectionError):
        while True:
            order, descriptors, _, _ = socket.recv_fds(orders, LARGEST, 16)
            if not order:
                break
            if os.fork() == 0:
                sandbox.die_with_parent(mine)
                orders.close()
                keep(child.main, json.loads(order), descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            reap()
    reap()


def reap() -> None:
    """Those that ended: their processor time is counted as ours from then on."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def keep(main: Any, order: dict[str, Any], descriptors: list[int]) -> None:
    """Stand between, and tell how the media process ended; never returns."""
    told, writing, *named = map(moved, descriptors)
    request = json.loads(order["request"]) | {"parent": os.getpid()}
    pid = os.fork()
    if pid == 0:
        os.close(told)
        for place, descriptor in zip([1, *order["descriptors"]], [writing, *named], strict=True):
            os.dup2(descriptor, place, inheritable=True)
            os.close(descriptor)
        sys.argv = ["-c", "", json.dumps(request)]
        try:
            main()
        finally:
            os._exit(1)
    for descriptor in (writing, *named):
        os.close(descriptor)
    keeper = socket.socket(fileno=told)
    with contextlib.suppress(OSError):
        keeper.send(STARTED.pack(pid))
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with contextlib.suppress(OSError):
        keeper.send(ENDED.pack(ended(pid)))
        keeper.recv(1)
    os.waitpid(pid, 0)
    os._exit(0)


def ended(pid: int) -> int:
    """Its exit status as subprocess tells it, while its number is still taken."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert found is not None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def moved(descriptor: int) -> int:
    """The same file under a number that no request names."""
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, ABOVE)
    os.close(descriptor)
    return high


if __name__ == "__main__":
    mother(sys.argv[1], int(sys.argv[2]))
