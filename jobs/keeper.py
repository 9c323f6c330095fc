"""Keeps an attempt alive while it is worked on and gets on, from threads of its own.

Downloads, uploads and a model that says nothing for a minute must not cost the lease; a model that
hangs must, and so must a supervisor that does. So whoever gets on says so, and nothing is renewed
once nobody has for JOB_STALL_SECONDS.
"""

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Self
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connections

from jobs import lifecycle
from jobs.errors import JobError
from messaging.gone import GONE
from messaging.heartbeat import BEAT_SECONDS, Hold
from tenants.context import acting_for

log = structlog.get_logger(__name__)

MARGIN_SECONDS = 10
JOIN_SECONDS = 30


class Interrupted(Exception):
    """The work must end now, for a reason that is not the engine's."""


class LeaseLost(Interrupted):
    """Another worker may have the job: write nothing, touch nothing."""


class CancelRequested(Interrupted):
    """The tenant wants no result any more."""


class Stalled(Interrupted):
    """Nothing has got on for JOB_STALL_SECONDS: the lease is not renewed any more."""


class HandOver(Interrupted):
    """This worker was asked to stop, and its grace is over."""


class Keeper:
    """Renews the lease, writes progress, reads the cancel flag and extends the message's hold.

    The database decides who owns the job. A message that was lost (its queue restarted, its receipt
    expired) does not end the work: whoever receives it again finds the job taken. A lease that
    could not be renewed until shortly before its end, by this machine's own clock, does. Lease and
    hold have a thread each: a queue that does not answer must not cost the lease, nor a database
    the hold.
    """

    def __init__(
        self, attempt_id: UUID, tenant_id: UUID, fence: int, hold: Hold, stopping: threading.Event
    ) -> None:
        self.attempt_id = attempt_id
        self.tenant_id = tenant_id
        self.fence = fence
        self._hold = hold
        self._stopping = stopping
        self._progress: tuple[str, int] = ("fetch", 0)
        self._done = threading.Event()
        self._lost = threading.Event()
        self._cancel = threading.Event()
        self._hand_over_at: float | None = None
        self._moved = time.monotonic()
        self._renewed(self._moved)
        self._threads = [self._thread("lease", self._keep_lease), self._thread("hold", self._hide)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        for thread in self._threads:  # one may hang in a call; it can't do harm
            thread.join(JOIN_SECONDS)

    def report(self, stage: str, percent: int) -> None:
        """The work got on: what to write with the next beat."""
        self._progress = (stage, percent)
        self.progressed()

    def progressed(self, count: int = 0) -> None:
        """The work got on, by bytes perhaps. From any thread."""
        self._moved = time.monotonic()

    @property
    def ours(self) -> bool:
        """Whether the lease holds, as far as is known here."""
        # The clock is asked here as well: the thread may hang in a call to the database.
        return not self._lost.is_set() and time.monotonic() < self._until

    @property
    def stalled(self) -> bool:
        return time.monotonic() - self._moved > settings.JOB_STALL_SECONDS

    def check(self) -> None:
        """Raise LeaseLost, CancelRequested, Stalled or HandOver if the work must end."""
        self.check_ours()
        if self._cancel.is_set():
            raise CancelRequested(f"attempt {self.attempt_id}")
        if self.stalled:
            raise Stalled(f"attempt {self.attempt_id}")
        if self._stopping.is_set() and self._grace_is_over():
            raise HandOver(f"attempt {self.attempt_id}")

    def check_ours(self) -> None:
        """Raise LeaseLost if another worker may have the job."""
        if not self.ours:
            raise LeaseLost(f"attempt {self.attempt_id}")

    def _grace_is_over(self) -> bool:
        now = time.monotonic()
        self._hand_over_at = self._hand_over_at or now + settings.SHUTDOWN_GRACE_SECONDS
        return now >= self._hand_over_at

    def _thread(self, name: str, target: Callable[[], None]) -> threading.Thread:
        told = copy_context()  # its log lines name the attempt, too
        return threading.Thread(target=told.run, args=(target,), name=name, daemon=True)

    def _hide(self) -> None:
        """Nobody else receives the message, for as long as the lease is ours and worth it."""
        while not self._done.wait(BEAT_SECONDS):
            if self.ours and not self.stalled:
                self._hold.beat()

    def _keep_lease(self) -> None:
        every = min(settings.PROGRESS_SECONDS, settings.JOB_LEASE_SECONDS / 3)
        told = False
        while not self._done.wait(every) and not self._lost.is_set():
            if not self.stalled:
                self._beat()
            elif not told:
                told = True
                log.error("work_stalled", stage=self._progress[0], percent=self._progress[1])
        connections.close_all()

    def _beat(self) -> None:
        now = time.monotonic()
        stage, percent = self._progress
        try:
            with acting_for(self.tenant_id):
                beat = lifecycle.beat(
                    self.attempt_id,
                    fence=self.fence,
                    stage=stage,
                    percent=percent,
                    lease=settings.JOB_LEASE_SECONDS,
                )
        except JobError as refusal:
            if not self._done.is_set():  # else the attempt has just ended, by ourselves
                log.warning("lease_lost", problem=str(refusal))
            self._lost.set()
        except GONE as problem:
            log.warning("lease_not_renewed", problem=str(problem))
            connections.close_all()
        except Exception:  # whatever it is, the next beat may succeed; else the clock decides
            log.exception("lease_not_renewed")
            connections.close_all()
        else:
            self._renewed(now)
            if beat.cancel_requested:
                self._cancel.set()

    def _renewed(self, at: float) -> None:
        lease = settings.JOB_LEASE_SECONDS
        self._until = at + lease - min(MARGIN_SECONDS, lease / 3)
