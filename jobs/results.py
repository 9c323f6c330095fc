"""The way to a finished video."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import UUID

from jobs import downloads
from jobs.errors import NoResult, NotFinished
from jobs.models import Job, State
from tenants import audit


@dataclass(frozen=True)
class Delivery:
    """What may be handed out, and under which name."""

    key: str
    name: str

    def link(self) -> str:
        """A short-lived link. Outside of acting_for(): fresh credentials for S3 are a call."""
        return downloads.link(self.key, self.name)


def deliver(job_id: UUID, *, by: str) -> Delivery:
    """A job's result, for somebody who asked and is noted. Inside acting_for().

    Raises Job.DoesNotExist; NotFinished while it is on its way; NoResult when it ended without.
    """
    job = Job.objects.select_related("video").get(id=job_id)
    if not job.is_final:
        raise NotFinished(job)
    if job.state != State.SUCCEEDED:
        raise NoResult(job)
    audit.note("result.link_made", str(job.id), by=by)
    return Delivery(job.result_key, file_name(job))


def file_name(job: Job) -> str:
    """The source's name with the job's own ending: many voices on one video stay apart."""
    return f"{PurePosixPath(job.video.name).stem}-{job.short_id}.mp4"
