"""Tenants who submit without end, and repeat, cancel and set deadlines as people do."""

import random
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections

import benchmarks.stage  # noqa: F401 - it sets Django up
from benchmarks.counted import unfinished
from jobs import lifecycle, submission, uploads
from jobs.clock import database_now
from jobs.errors import JobError
from tenants import people
from tenants.context import acting_for, as_operator
from tests.making import ANY_BYTES

TENANTS = 20
LANES = 2
SLOW = b"slow"  # the word in a voice for which the stub's plan takes longer than a lease
AHEAD = 150  # jobs that are under way at most: the backlog of a busy afternoon
BREATH_SECONDS = 0.2

SHARES = {"slow": 0.03, "deadline": 0.02, "repeated": 0.03, "canceled": 0.03}


@dataclass(frozen=True)
class Studio:
    """A tenant with files that all of its jobs use: voices by whether they are slow."""

    tenant_id: UUID
    video: UUID
    voices: dict[bool, UUID]


@dataclass
class Customers:
    """A thread that submits `jobs`, or for `seconds`; what it was promised is `accepted`."""

    seed: int
    jobs: int
    seconds: float | None = None
    accepted: list[UUID] = field(default_factory=list)
    problem: Exception | None = None

    def __post_init__(self) -> None:
        self._lots = random.Random(f"{self.seed} customers")
        self._studios = [_studio(number) for number in range(TENANTS)]
        self._to_cancel: list[tuple[float, UUID, UUID]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="customers", daemon=True)

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def start(self) -> None:
        self._until = time.monotonic() + (self.seconds or float("inf"))
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(30)

    def _run(self) -> None:
        try:
            while self._want_more() and not self._over.is_set():
                if unfinished() >= AHEAD:
                    self._over.wait(BREATH_SECONDS)
                    self._cancel_some()
                    continue
                for _ in range(AHEAD // 10):
                    if self._want_more():
                        self._submit()
                self._cancel_some()
        except Exception as problem:  # told by whoever asks whether we are done
            self.problem = problem
        finally:
            connections.close_all()

    def _want_more(self) -> bool:
        if self.seconds is not None:
            return time.monotonic() < self._until
        return len(self.accepted) < self.jobs

    def _submit(self) -> None:
        studio = self._lots.choice(self._studios)
        told = self._order(studio, len(self.accepted))
        with acting_for(studio.tenant_id):
            job, _ = submission.submit(**told)
            lifecycle.accept_probe(job.id)  # the look at the files is another test's subject
        self.accepted.append(job.id)
        if self._happens("repeated"):
            with acting_for(studio.tenant_id):
                again, replayed = submission.submit(**told)
            assert replayed and again.id == job.id, f"{job.id} was accepted twice as {again.id}"
        if self._happens("canceled"):
            at = time.monotonic() + self._lots.uniform(0, 8)
            self._to_cancel.append((at, studio.tenant_id, job.id))

    def _order(self, studio: Studio, number: int) -> dict[str, Any]:
        told: dict[str, Any] = {
            "video_id": studio.video,
            "audio_id": studio.voices[self._happens("slow")],
            "options": {},
            "submitted_by": "a soak",
            "priority": self._lots.choice([-1, 0, 0, 0, 1]),
            "idempotency_key": f"soak {number}",
        }
        if self._happens("deadline"):
            told["deadline"] = _now() + timedelta(seconds=self._lots.uniform(2, 10))
        return told

    def _cancel_some(self) -> None:
        now = time.monotonic()
        due = [each for each in self._to_cancel if each[0] <= now]
        self._to_cancel = [each for each in self._to_cancel if each[0] > now]
        for _, tenant_id, job_id in due:
            try:
                with acting_for(tenant_id):
                    lifecycle.cancel(job_id, by="a soak")
            except JobError:
                pass  # it has ended: that it can't be canceled any more is right

    def _happens(self, what: str) -> bool:
        return self._lots.random() < SHARES[what]


def _studio(number: int) -> Studio:
    with as_operator("make a soak's tenant"):
        tenant = people.create_tenant(f"Studio {number}")
        tenant.limits.jobs_at_once, tenant.limits.jobs_waiting = LANES, 1_000_000
        tenant.limits.save()
    return Studio(
        tenant.id,
        _upload(tenant.id, "video", ANY_BYTES),
        {slow: _upload(tenant.id, "audio", ANY_BYTES + SLOW * slow) for slow in (False, True)},
    )


def _upload(tenant_id: UUID, kind: str, content: bytes) -> UUID:
    file = SimpleUploadedFile(f"{kind}.mp4", content)
    upload_id: UUID = uploads.receive_file(tenant_id, kind, file).id
    return upload_id


def _now() -> Any:
    with as_operator("ask for the time"):
        return database_now()
