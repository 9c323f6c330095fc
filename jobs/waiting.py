"""What a job waits for, its place in line, and when its result may be there.

For all jobs of a page in a fixed number of queries. Inside acting_for() or as_operator().
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from jobs import forecasting, lines
from jobs.clock import database_now
from jobs.forecasting import Finish, Kind, Line, Span, Work
from jobs.models import Job, State

NOBODY = timedelta(minutes=1)  # an idle worker would have taken a job by then
NO_TIME = Span(0, 0)


class Reason(StrEnum):
    """Stable: part of the API."""

    NOTHING = ""
    VALIDATION = "validation"
    ADMISSION = "admission"
    FREE_LANE = "free_lane"
    GPU = "gpu"
    MODEL_LOADING = "model_loading"
    RETRY_PAUSE = "retry_pause"
    TENANT_SUSPENDED = "tenant_suspended"


SENTENCES: Mapping[Reason, str] = {
    Reason.NOTHING: "A worker has it and reports as it goes.",
    Reason.VALIDATION: "The files are read in a process of their own before they are queued.",
    Reason.ADMISSION: "It may run as soon as its turn comes, which takes seconds.",
    Reason.FREE_LANE: (
        "As many of your jobs are running as may run at once; "
        "this one starts when one of them ends."
    ),
    Reason.GPU: "It is in the queue, and the next free worker takes it.",
    Reason.MODEL_LOADING: "A worker has it and loads the model first.",
    Reason.RETRY_PAUSE: "Something on our side went wrong; the next try comes after a pause.",
    Reason.TENANT_SUSPENDED: "The account is suspended: no job of it is begun until that is over.",
}


@dataclass(frozen=True)
class Wait:
    """position: 1 for the tenant's next job that gets a lane; None once it has one.
    finish: None where that can't be told."""

    reason: Reason = Reason.NOTHING
    position: int | None = None
    finish: Finish | None = None

    @property
    def sentence(self) -> str:
        return SENTENCES[self.reason]


def waits_of(jobs: Sequence[Job], *, now: datetime | None = None) -> dict[UUID, Wait]:
    """For each of the jobs; those that have ended wait for nothing. At most ten queries."""
    live = [job for job in jobs if not job.is_final]
    waits = {job.id: Wait() for job in jobs}
    if live:
        seen = _Seen(live, now or database_now())
        waits.update((job.id, seen.wait_of(job)) for job in live)
    return waits


class _Seen:
    """What the database says of these jobs, read once; nothing is asked that none of them needs."""

    def __init__(self, jobs: Sequence[Job], now: datetime) -> None:
        self.now = now
        waiting = [job for job in jobs if job.state == State.QUEUED and job.lane is None]
        sent = [job for job in jobs if job.state == State.QUEUED and job.lane is not None]
        timed = [job for job in jobs if job.state != State.VALIDATING]
        self.limits = lines.limits({job.tenant_id for job in waiting + sent})
        self.places = lines.places(waiting)
        self.pauses = lines.pauses(sent, now)
        turns = lines.turns(waiting, self.limits, self.places)
        works: list[Work] = [*timed, *turns]
        self.paces: Mapping[Kind, Span] = {}
        if works:
            self.paces = forecasting.paces(map(forecasting.kind_of, works))
        self.lengths = lines.lengths(works) if self.paces else {}
        self.line = forecasting.line() if self.paces and waiting + sent else Line(0, 0, None)
        moments = [job.dispatched_at for job in sent if job.dispatched_at]
        self.ahead = forecasting.ahead(moments) if self.paces and moments else {}
        self.ends: Mapping[UUID, Span] = self._ends(turns) if self.paces else {}

    def wait_of(self, job: Job) -> Wait:
        return Wait(self._reason(job), self.places.get(job.id), self._finish(job))

    def _reason(self, job: Job) -> Reason:
        if job.state == State.VALIDATING:
            return Reason.VALIDATION
        if job.state == State.PROCESSING:
            return Reason.MODEL_LOADING if job.phase == "load" else Reason.NOTHING
        room = self.limits[job.tenant_id]
        if room.suspended:
            return Reason.TENANT_SUSPENDED
        if job.lane is not None:
            return Reason.RETRY_PAUSE if job.id in self.pauses else Reason.GPU
        full = room.lanes.taken >= room.lanes.number
        return Reason.FREE_LANE if full else Reason.ADMISSION

    def _finish(self, job: Job) -> Finish | None:
        work = self._work(job)
        if work is None or job.state == State.VALIDATING or job.cancel_requested_at:
            return None
        if job.state == State.PROCESSING:
            return forecasting.finish(self.now, work)
        finish = forecasting.finish(self.now, self._until_begun(job), work)
        if finish is None or job.lane is not None:
            return finish
        own = self.ends.get(job.id, self.ends.get(job.tenant_id, NO_TIME))
        return finish.not_before(Finish.after(self.now, own))

    def _work(self, job: Work) -> Span | None:
        lengths = (self.lengths.get(each) for each in (job.video_id, job.audio_id))
        seconds = forecasting.output_seconds(job, *lengths)
        return forecasting.work(self.paces.get(forecasting.kind_of(job)), seconds, job.percent)

    def _ends(self, turns: Sequence[Work]) -> dict[UUID, Span]:
        """Until each job ends behind its tenant's own; by tenant, until the last one looked at."""
        told: dict[UUID, Span] = {}
        for tenant, room in self.limits.items():
            own = [job for job in turns if job.tenant_id == tenant]
            works = [self._takes(job) for job in own]
            quick = forecasting.ends((work.low for work in works), room.lanes, self.line)
            slow = forecasting.ends((work.high for work in works), room.lanes, self.line)
            spans = [Span(*ends) for ends in zip(quick, slow, strict=True)]
            told.update(zip((job.id for job in own), spans, strict=True))
            told[tenant] = spans[-1] if spans else NO_TIME
        return told

    def _takes(self, job: Work) -> Span:
        """Work that remains: as of any job, where this one's kind isn't known."""
        left, whole = (100 - job.percent) / 100, self.line.job or NO_TIME
        return self._work(job) or Span(whole.low * left, whole.high * left)

    def _until_begun(self, job: Job) -> Span | None:
        limits = self.limits[job.tenant_id]
        if limits.suspended:
            return None
        if job.lane is None:
            return forecasting.wait_for_lane(self.places.get(job.id, 1), limits.lanes, self.line)
        sent, due = job.dispatched_at or self.now, self.pauses.get(job.id)
        if due is None and not self.line.workers and self.now - sent > NOBODY:
            return None
        gpu = forecasting.wait_for_gpu(self.ahead.get(sent, 0), self.line)
        pause = (due - self.now).total_seconds() if due else 0
        return gpu and Span(gpu.low + pause, gpu.high + pause)
