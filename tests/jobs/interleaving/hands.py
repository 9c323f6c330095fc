"""Jobs and attempts as people and workers remember them, and what one can do with them."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from jobs import lifecycle, storage
from jobs.errors import StaleAttempt
from jobs.lifecycle import StoredSegment
from jobs.models import Attempt, Job
from tenants.context import acting_for
from tests.jobs.results import RESULT

FILM = b"a film"
FACTS = RESULT | {"size_bytes": len(FILM), "sha256": hashlib.sha256(FILM).hexdigest()}


@dataclass(frozen=True)
class Told:
    """A job as its owner remembers it."""

    id: UUID
    tenant_id: UUID


@dataclass(frozen=True)
class Hand:
    """An attempt as its worker remembers it, long after it has lost it perhaps."""

    id: UUID
    job: Told
    fence: int


def row(job: Told) -> Job:
    with acting_for(job.tenant_id):
        return Job.objects.select_related("tenant").get(id=job.id)


@contextmanager
def heard(hand: Hand) -> Iterator[None]:
    with acting_for(hand.job.tenant_id):
        alive = Attempt.objects.filter(id=hand.id, ended_at=None).exists()
    try:
        with acting_for(hand.job.tenant_id):
            yield
    except StaleAttempt:
        assert not alive, "a living attempt was refused"
    else:
        assert alive, "a dead attempt was heard"


def piece(hand: Hand, number: int) -> StoredSegment:
    keys = storage.segment_keys(hand.job.tenant_id, hand.job.id, hand.id, number)
    return StoredSegment(number, *keys, 1000, "ab" * 32)


def deliver(hand: Hand) -> None:
    """Inside acting_for(): the file is in the storage whatever becomes of the attempt."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(FILM)
        file.flush()
        key = storage.put_result(Path(file.name), hand.job.tenant_id, hand.job.id, hand.id)
    lifecycle.succeed(hand.id, fence=hand.fence, result=FACTS, output_key=key)
