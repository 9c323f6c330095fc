"""The way to a finished video."""

from pathlib import PurePosixPath
from uuid import UUID

from jobs import storage
from jobs.errors import NoResult, NotFinished
from jobs.models import Job, State
from tenants import audit


def link(job_id: UUID, *, by: str, inline: bool = False) -> str:
    """A short-lived link to a job's result. Inside acting_for(); who asked is noted.

    Raises Job.DoesNotExist; NotFinished while it is on its way; NoResult when it ended without.
    """
    job = Job.objects.select_related("video").get(id=job_id)
    if not job.is_final:
        raise NotFinished(job)
    if job.state != State.SUCCEEDED:
        raise NoResult(job)
    if not inline:
        audit.note("result.link_made", str(job.id), by=by)
    return storage.download_url(job.result_key, file_name(job), inline=inline)


def file_name(job: Job) -> str:
    """The source's name with the job's own ending: many voices on one video stay apart."""
    return f"{PurePosixPath(job.video.name).stem}-{job.short_id}.mp4"
