"""Keeps an attempt alive while it is worked on, from a thread of its own.

Downloads, uploads and a model that says nothing for a minute must not cost the lease.
"""

import threading
import time
from typing import Self
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connections

from jobs import lifecycle
from jobs.errors import JobError
from messaging.heartbeat import Hold
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


class HandOver(Interrupted):
    """This worker was asked to stop, and its grace is over."""


class Keeper:
    """Renews the lease, writes progress, reads the cancel flag and extends the message's hold.

    The database decides who owns the job. A message that was lost (its queue restarted, its receipt
    expired) does not end the work: whoever receives it again finds the job taken. A lease that
    could not be renewed until shortly before its end, by this machine's own clock, does.
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
        self._renewed(time.monotonic())
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join(JOIN_SECONDS)  # it may hang in a call to the database; it can't do harm

    def report(self, stage: str, percent: int) -> None:
        """What to write with the next beat."""
        self._progress = (stage, percent)

    def check(self) -> None:
        """Raise LeaseLost, CancelRequested or HandOver if the work must end."""
        # The clock is asked here as well: the thread may hang in a call to the database.
        if self._lost.is_set() or time.monotonic() >= self._until:
            raise LeaseLost(f"attempt {self.attempt_id}")
        if self._cancel.is_set():
            raise CancelRequested(f"attempt {self.attempt_id}")
        if self._stopping.is_set() and self._grace_is_over():
            raise HandOver(f"attempt {self.attempt_id}")

    def _grace_is_over(self) -> bool:
        now = time.monotonic()
        self._hand_over_at = self._hand_over_at or now + settings.SHUTDOWN_GRACE_SECONDS
        return now >= self._hand_over_at

    def _run(self) -> None:
        while not self._done.wait(settings.PROGRESS_SECONDS):
            self._hold.beat()
            self._beat()
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
            log.warning("lease_lost", attempt_id=str(self.attempt_id), problem=str(refusal))
            self._lost.set()
        except (OperationalError, InterfaceError) as problem:
            log.warning("lease_not_renewed", attempt_id=str(self.attempt_id), problem=str(problem))
            connections.close_all()
        else:
            self._renewed(now)
            if beat.cancel_requested:
                self._cancel.set()

    def _renewed(self, at: float) -> None:
        lease = settings.JOB_LEASE_SECONDS
        self._until = at + lease - min(MARGIN_SECONDS, lease / 3)
