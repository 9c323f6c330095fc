"""When a result may be there: learned from recent successes, in figures that tell of no tenant.

The functions of jobs/migrations/0009 give quantiles over the last fifty successes of a kind, 20 and
80 percent. A forecast is a range of that width, and nothing where too few are known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.db import connection

KNOWN_AT_LEAST = 5  # fewer successes of a kind say nothing of the next

Kind = tuple[str, str]  # steps and speed; the model is the one of the newest success


@dataclass(frozen=True)
class Span:
    """Seconds, from the quick ones to the slow ones; of a pace, for each second of output."""

    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """The line for a GPU, over all tenants: jobs that wait for one, workers with a job in hand, and
    what a job takes, of whatever kind."""

    runnable: int
    workers: int
    job: Span | None


@dataclass(frozen=True)
class Lanes:
    """A tenant's: how many it has, and how many of them are taken."""

    number: int
    taken: int


class Work(Protocol):
    """What is asked of a job, or of as much of one as is read of a long line."""

    id: UUID
    tenant_id: UUID
    options: Any
    percent: int
    video_id: UUID
    audio_id: UUID


@dataclass(frozen=True)
class Finish:
    earliest: datetime
    latest: datetime

    @classmethod
    def after(cls, now: datetime, span: Span) -> "Finish":
        return cls(now + timedelta(seconds=span.low), now + timedelta(seconds=span.high))

    def not_before(self, other: "Finish") -> "Finish":
        return Finish(max(self.earliest, other.earliest), max(self.latest, other.latest))


def kind_of(job: Work) -> Kind:
    return str(job.options.get("steps", "")), job.options.get("speed", "exact")


def uploads_that_tell(job: Work) -> list[UUID]:
    """Those whose lengths output_seconds() needs."""
    told = {"video": [job.video_id], "cut": [job.video_id, job.audio_id]}
    return told.get(job.options.get("length", "audio"), [job.audio_id])


def output_seconds(job: Work, video: float | None, audio: float | None) -> float | None:
    """How long the result will be, by the option `length`; None while it isn't known."""
    length = job.options.get("length", "audio")
    if length == "video":
        return video
    if length == "cut":
        return min(video, audio) if video and audio else None
    return audio


def work(pace: Span | None, seconds: float | None, percent: int) -> Span | None:
    """What remains of the work; a worker's percent is about the share of its time."""
    if pace is None or seconds is None:
        return None
    left = seconds * (100 - percent) / 100
    return Span(pace.low * left, pace.high * left)


def wait_for_gpu(ahead: int, line: Line) -> Span | None:
    """Until a worker takes a job that has so many before it.

    With the workers that are at work now: at worst each has just begun a slow one. More may come,
    but nothing is promised on them. Where none is at work, an idle one takes it.
    """
    if line.job is None:
        return None
    busy, workers = min(line.workers, 1), max(line.workers, 1)
    slow_rounds = _rounds(ahead + busy, workers)
    return Span(ahead // workers * line.job.low, slow_rounds * line.job.high)


def wait_for_lane(place: int, lanes: Lanes, line: Line) -> Span | None:
    """Until a worker takes a job that is the `place`th of its tenant without a lane.

    Lanes free as their jobs end, at worst all together and each after a wait for a GPU. How soon it
    may be is in `ends`, by the work of the very jobs before it.
    """
    if line.job is None:
        return None
    endings = max(0, place - max(0, lanes.number - lanes.taken))
    queue = _rounds(line.runnable, max(line.workers, 1)) * line.job.high
    return Span(0, _rounds(endings, lanes.number) * (queue + line.job.high) + queue)


def ends(works: Iterable[float], lanes: Lanes, line: Line) -> list[float]:
    """Seconds until the end of each job of a tenant, in the order of their turns, if no other
    tenant's is before it.

    works: seconds that each still takes. What is ahead is shared among the lanes, or the workers if
    those are fewer. None ends before one that is ahead of it.
    """
    at_once = min(lanes.number, max(line.workers, 1))
    told: list[float] = []
    ahead = 0.0
    for place, work in enumerate(works):
        begun = ahead / at_once if place >= at_once else 0
        told.append(max([begun + work, *told[-1:]]))
        ahead += work
    return told


def finish(now: datetime, *parts: Span | None) -> Finish | None:
    """One part after the other; None if anything is not known."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    low, high = (sum(getattr(part, end) for part in known) for end in ("low", "high"))
    return Finish.after(now, Span(low, high))


def paces(kinds: Iterable[Kind]) -> Mapping[Kind, Span]:
    """Seconds of work for each second of output, of the kinds of which enough is known."""
    asked = sorted(set(kinds))
    rows = _asked(
        "SELECT kind.steps, kind.speed, pace.known, pace.low, pace.high "
        "FROM unnest(%s::text[], %s::text[]) AS kind (steps, speed), "
        "viseme_pace(kind.steps, kind.speed) AS pace",
        [steps for steps, _ in asked],
        [speed for _, speed in asked],
    )
    return {(row[0], row[1]): Span(*row[3:]) for row in rows if row[2] >= KNOWN_AT_LEAST}


def line() -> Line:
    [(runnable, workers, known, low, high)] = _asked("SELECT * FROM viseme_line()")
    return Line(runnable, workers, Span(low, high) if known >= KNOWN_AT_LEAST else None)


def ahead(moments: Sequence[datetime]) -> Mapping[datetime, int]:
    """By the moment of a dispatch: how many jobs wait for a GPU that were sent before it."""
    return dict(_asked("SELECT moment, jobs FROM viseme_ahead(%s::timestamptz[])", list(moments)))


def _rounds(jobs: int, at_once: int) -> int:
    return -(-jobs // at_once)


def _asked(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
