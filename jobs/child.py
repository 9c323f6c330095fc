"""The model's process: started once, kept warm between jobs, replaced after a kill.

It knows nothing of the database, the queue or the storage: paths go in, events come out. The death
of the process is what frees a GPU for certain.
"""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from django.conf import settings

from jobs import starting
from jobs.model_events import EngineFailed, Event, Events, death, failure, lines_of, read

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
START_SECONDS = 600  # a real checkpoint of 5 GB from a cold disk
POLITE_SECONDS = 10  # for an end of input, and then for a TERM
KILL_SECONDS = 30  # for a KILL, which the kernel may hold back


class ModelChild:
    """One process at a time; `begin()` starts it if need be. Not for several threads."""

    def __init__(self) -> None:
        self.jobs = 0
        self._process: subprocess.Popen[str] | None = None
        self._events: Events = queue.Queue()
        self.broken = False  # it did not load when it was last asked to
        self._ready = False
        self._spoke = False  # of the job it has in hand
        self._killed = False  # by us, and not by the kernel for want of memory

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process without waiting for its model to load; nothing if it runs."""
        if self.alive:
            return
        self.jobs, self._ready, self._killed = 0, False, False
        self._events = queue.Queue()
        self._process = subprocess.Popen(
            starting.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=starting.environment(),
            cwd=settings.BASE_DIR,
            text=True,
            errors="replace",  # some library's chatter must not end the reading
            bufsize=1,
            start_new_session=True,  # a kill reaches its media process too
        )
        assert self._process.stdout
        arguments = (lines_of(self._process.stdout), self._events)
        threading.Thread(target=read, args=arguments, name="model-events", daemon=True).start()
        log.info("model_process_started", pid=self._process.pid)

    def begin(self, job: str, check: Callable[[], None] = lambda: None, **request: Any) -> None:
        """Hand a job to the model, which may first have to load. Raises EngineFailed.

        `check` is called meanwhile, and whatever it raises ends the wait. A process that has done
        its number of jobs is replaced: what leaks, leaks for a while only.
        """
        if self.jobs >= settings.JOBS_PER_CHILD:
            self.stop()
        self.load(check)
        self.jobs, self._spoke = self.jobs + 1, False
        self._say({"op": "sync", "id": job, **request})

    def load(self, check: Callable[[], None] = lambda: None) -> None:
        """Return when the model is ready. Raises EngineFailed, and whatever `check` raises."""
        self.start()
        try:
            if not self._ready:
                self._await_ready(check)
        except EngineFailed:
            self.broken = True
            raise
        self.broken = False

    def cancel(self, job: str) -> None:
        """Ask for an end within a denoising step; the answer is a `failed` event."""
        self._say({"op": "cancel", "id": job})

    def end(self, job: str, ours: Callable[[], bool] = lambda: True) -> None:
        """Cancel the job in hand; TERM if that is not heard in CANCEL_SECONDS, then KILL.

        A process that hears stays warm. When `ours` turns false it is killed at once.
        """
        self.cancel(job)
        deadline = time.monotonic() + settings.CANCEL_SECONDS
        while ours() and time.monotonic() < deadline:
            try:
                event = self.next_event(POLL_SECONDS)
            except EngineFailed:
                return
            if event and event.get("id") == job and event["event"] in ("failed", "done"):
                return
        log.warning("model_ignored_cancel", attempt_id=job)
        self._terminate() if ours() else self.kill()

    def next_event(self, timeout_seconds: float) -> Event | None:
        """The next event, or None if there was none in that time.

        Raises EngineFailed when the process died: NotBegun if it had said nothing of its job.
        """
        try:
            event = self._events.get(timeout=timeout_seconds)
        except queue.Empty:
            return None
        if event is None:
            raise self._post_mortem()
        self._spoke = self._spoke or event.get("id") is not None
        return event

    def stop(self) -> None:
        """End of input, then TERM, then KILL, each with a bound."""
        if self._process is None:
            return
        with suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        if not self._ended_within(POLITE_SECONDS):
            self._terminate()

    def _terminate(self) -> None:
        """TERM, then KILL."""
        self._signal(signal.SIGTERM)
        if not self._ended_within(POLITE_SECONDS):
            self.kill()

    def kill(self) -> None:
        """SIGKILL, to its media process as well. The next `begin()` starts another."""
        if self._process is not None:
            self._killed = self._killed or self.alive
            self._signal(signal.SIGKILL)
            if not self._ended_within(KILL_SECONDS):
                # It hangs in the kernel, in its driver perhaps, and holds the GPU: a worker that
                # waits for it would look alive for ever. Without it, it is replaced.
                log.error("model_process_not_killable", pid=self._process.pid)
                os._exit(1)
            log.info("model_process_killed", pid=self._process.pid)

    def _await_ready(self, check: Callable[[], None]) -> None:
        """START_SECONDS of silence are too long; bytes of a bundle that arrive are none."""
        deadline = time.monotonic() + START_SECONDS
        while (event := self.next_event(POLL_SECONDS)) is None or event["event"] == "fetching":
            check()
            if event is not None:
                deadline = time.monotonic() + START_SECONDS
            elif time.monotonic() >= deadline:
                self.kill()
                raise EngineFailed("engine_hung", f"The model did not load in {START_SECONDS} s.")
        if event["event"] != "ready":
            # Whatever kind of error it is to the engine, no customer's video is to blame for it.
            raise failure({**event, "refusal": False})
        self._ready = True

    def _say(self, request: Mapping[str, Any]) -> None:
        assert self._process and self._process.stdin
        # A broken pipe is a dead process: next_event() says so, with its exit status.
        with suppress(OSError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def _ended_within(self, seconds: float) -> bool:
        assert self._process
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _post_mortem(self) -> EngineFailed:
        assert self._process
        if not self._ended_within(POLITE_SECONDS):
            self.kill()
        status = self._process.returncode
        return death(status, loaded=self._ready, spoke=self._spoke, killed_by_us=self._killed)
