"""The parent's side of the media process: start, read with a deadline, reap whatever happens."""

import contextlib
import fcntl
import json
import os
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import inference
from inference import errors
from inference.media import wire
from inference.media.limits import MediaLimits

DYING_SECONDS = 5
KILL_SECONDS = 30  # for a KILL, which the kernel may hold back
GLANCE_SECONDS = 0.5  # between two looks at what a silent process does
# As a service's manager or a terminal tells a whole group of processes to end.
STOPPED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
LOOK_AT_PATH = "Look at the path."

T = TypeVar("T")

# -I: no user site, no PYTHON* variables; the package comes from where this one was loaded.
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from inference.media.child import main; main()"
ROOT = str(Path(inference.__file__).parents[1])
# Nothing of ours: no key, no address, no home. One arena keeps address space near real use.
ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "OPENBLAS_NUM_THREADS": "1",
    "LC_ALL": "C.UTF-8",
}

REFUSALS: dict[str, type[errors.EngineError]] = {
    error.code: error
    for error in (
        errors.UnsupportedMedia,
        errors.DamagedMedia,
        errors.NoVideo,
        errors.NoAudio,
        errors.MediaTooLarge,
        errors.MediaTimeout,
        errors.EngineFault,
    )
}


class MediaProcess:
    """A sandboxed process that opens one file for one task; leaving the block ends it.

    Read its messages in order. Each read raises the error that the process reports, MediaTimeout
    when it works for `limits.silence_seconds` without a word, EngineFault when it says nothing for
    `stalled_seconds` and doesn't work either, DamagedMedia when it dies of the file.
    """

    def __init__(
        self,
        request: Mapping[str, Any],
        *,
        source: str | Path,
        limits: MediaLimits,
        outputs: Mapping[str, Path] | None = None,
        file_bytes: int = 0,
    ) -> None:
        self.limits = limits
        self._request = dict(request) | {
            "file_bytes": file_bytes,
            "parent": os.getpid(),
        }
        self._request["limits"] = limits.to_mapping()
        self._source, self._outputs = source, dict(outputs or {})

    def __enter__(self) -> Self:
        with _opened(self._source, self._outputs.values(), self.limits) as (
            source,
            *outputs,
        ):
            self._request["source"] = source
            self._request["outputs"] = dict(zip(self._outputs, outputs, strict=True))
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", BOOT, ROOT, json.dumps(self._request)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(source, *outputs),
                env=ENVIRONMENT,
                cwd="/",
                bufsize=0,
            )
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        with contextlib.suppress(OSError, AttributeError):  # over the user's share of pipe memory
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, wire.PIPE_BYTES)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        # One that hangs in the kernel, on a disk that doesn't answer, has given up its pipe to us
        # and all that it could do; it is reaped whenever the kernel lets go of it.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def kill(self) -> None:
        """From any thread: a read that waits raises at once. The block is still to be left."""
        self._process.kill()

    def read(self, kind: str, parse: Callable[[wire.Header], T]) -> T:
        """The next message, which must be of that kind and without payload."""
        header = self.header(kind)
        if header["bytes"]:
            raise self._broken()
        try:
            return parse(header)
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise self._broken() from error

    def header(self, *kinds: str) -> wire.Header:
        """The next message's header; its payload, if any, must be taken with fill()."""
        try:
            header = wire.receive_header(self.fill)
            while header["kind"] == "beat":
                header = wire.receive_header(self.fill)
        except wire.BrokenMessage as error:
            raise self._broken() from error
        if header["kind"] == "error":
            known = REFUSALS.get(str(header.get("code")), errors.DamagedMedia)
            raise known(_printable(str(header.get("message"))))
        if header["kind"] not in kinds:
            raise self._broken()
        return header

    def payload(self, header: wire.Header, *, most: int) -> bytearray:
        if not 0 <= header["bytes"] <= most:
            raise self._broken()
        data = bytearray(header["bytes"])
        self.fill(memoryview(data))
        return data

    def fill(self, view: memoryview) -> None:
        """Fill the buffer from the pipe, waiting for each piece as long as the limits allow."""
        while view:
            self._wait()
            count = os.readv(self._pipe, [view])
            if count == 0:
                raise self._died()
            view = view[count:]

    def _wait(self) -> None:
        """Until there is something to read, which the end of the process is, too."""
        since, before = time.monotonic(), None
        while not select.select([self._pipe], [], [], GLANCE_SECONDS)[0]:
            worked = self._worked()
            before = worked if before is None else before
            if worked - before >= self.limits.silence_seconds:
                raise errors.MediaTimeout(
                    f"Reading the file made no headway in {self.limits.silence_seconds} seconds"
                    " of work."
                )
            waited = time.monotonic() - since
            if waited >= self.limits.stalled_seconds:
                raise errors.EngineFault(
                    f"In {waited:.0f} seconds the media process could work for"
                    f" {worked - before:.0f} only.",
                    hint="The machine has too much to do, or a disk that does not answer.",
                )

    def _worked(self) -> float:
        """Processor seconds of the process so far, on all its threads; by the clock where the
        system doesn't say."""
        try:
            told = Path(f"/proc/{self._process.pid}/stat").read_text("utf-8")
        except OSError:
            return time.monotonic()
        # After the name, which may hold anything: the 14th and 15th field of proc(5).
        user, system = told.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _died(self) -> errors.EngineError:
        try:
            status = self._process.wait(timeout=DYING_SECONDS)
        except subprocess.TimeoutExpired:  # it closed its pipe and lives on: not a decoder's way
            self._process.kill()
            return self._broken()
        if status == -signal.SIGXCPU:
            return errors.MediaTimeout("Reading the file took more work than is allowed.")
        if status == -signal.SIGKILL:  # never by its own limits, see sandbox.ration()
            return errors.EngineFault(
                "The media process was killed from outside; the machine may be out of memory."
            )
        if -status in STOPPED:
            return errors.EngineFault(
                f"The media process was stopped from outside ({signal.Signals(-status).name})."
            )
        if status < 0:
            return errors.DamagedMedia(f"The decoder broke on this file (signal {-status}).")
        return errors.EngineFault(f"The media process ended early (exit code {status}).")

    def _broken(self) -> errors.EngineError:
        return errors.DamagedMedia("The decoder of this file sent something unexpected.")


@contextlib.contextmanager
def _opened(
    source: str | Path, outputs: Iterable[Path], limits: MediaLimits
) -> Iterator[list[int]]:
    """Descriptors for the child; closed here once it has its own copies."""
    with contextlib.ExitStack() as stack:
        fds = [_open_source(source, limits)]
        stack.callback(os.close, fds[0])
        for path in outputs:
            fds.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
            stack.callback(os.close, fds[-1])
        yield fds


def _open_source(path: str | Path, limits: MediaLimits) -> int:
    # O_NONBLOCK: a named pipe would make us wait for a writer.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise errors.UnsupportedMedia(f"No such file: {path}.", hint=LOOK_AT_PATH) from error
    except OSError as error:
        raise errors.UnsupportedMedia(
            f"{path} can't be opened: {error.strerror}.", hint=LOOK_AT_PATH
        ) from error
    try:
        _check_kind(path, os.fstat(fd), limits)
    except errors.EngineError:
        os.close(fd)
        raise
    return fd


def _check_kind(path: str | Path, status: os.stat_result, limits: MediaLimits) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise errors.UnsupportedMedia(f"{path} is a folder, not a file.", hint=LOOK_AT_PATH)
    if not stat.S_ISREG(status.st_mode):
        raise errors.UnsupportedMedia(f"{path} is a device, not a file.", hint=LOOK_AT_PATH)
    if status.st_size == 0:
        raise errors.UnsupportedMedia("The file is empty.")
    if status.st_size > limits.max_bytes:
        raise errors.MediaTooLarge(
            f"The file has {status.st_size} bytes; at most {limits.max_bytes} are allowed."
        )


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:300]
