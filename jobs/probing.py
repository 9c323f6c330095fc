"""The first look at a new job's files, in a throw-away process: queued, or refused with a code."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog

from inference.errors import EngineError, MediaTooLarge, NoAudio, NoVideo
from inference.media import MediaInfo, MediaLimits, probe
from jobs import lifecycle, metrics, previews, storage
from jobs.folders import work_folder
from jobs.models import Job, State, Upload
from tenants.context import acting_for
from tenants.models import Limits

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Look:
    """What is to be looked at, and how long the sound may be at most."""

    job_id: UUID
    tenant_id: UUID
    video: Upload
    audio: Upload
    most_seconds: int


def probe_job(job_id: UUID, tenant_id: UUID) -> None:
    """Accept a job or refuse it; a job that has moved on is left alone.

    An error of ours is raised: the message comes again.
    """
    look = _begin(job_id, tenant_id)
    if look is None:
        return
    with _fetched(look) as (video, audio):
        try:
            infos = _infos(look, video, audio)
        except EngineError as refusal:
            if not refusal.refusal:
                raise
            _refuse(look, refusal)
            return
        _accept(look, *infos)


def _begin(job_id: UUID, tenant_id: UUID) -> Look | None:
    with acting_for(tenant_id):
        found = Job.objects.select_related("video", "audio").filter(id=job_id)
        job = found.filter(state=State.VALIDATING).first()
        most = Limits.objects.get().video_seconds
    return Look(job_id, tenant_id, job.video, job.audio, most) if job else None


@contextmanager
def _fetched(look: Look) -> Iterator[tuple[Path, Path]]:
    with work_folder("probe") as folder:
        video = storage.fetch_upload(look.video, folder / "video")
        yield video, storage.fetch_upload(look.audio, folder / "audio")


def _infos(look: Look, video: Path, audio: Path) -> tuple[MediaInfo, MediaInfo]:
    """Raises the EngineError that a look at either file gives, naming the file."""
    picture = _look_at("video", look.video, video)
    sound = _look_at("voice", look.audio, audio)
    if picture.video is None:
        raise NoVideo(f"The video {look.video.name!r} has no picture.")
    if sound.audio is None:
        raise NoAudio(f"The voice {look.audio.name!r} has no sound.")
    if (sound.audio.duration or sound.duration) > look.most_seconds:
        raise MediaTooLarge(
            f"The voice {look.audio.name!r} is longer than the {look.most_seconds} s allowed."
        )
    return picture, sound


def _look_at(what: str, upload: Upload, path: Path) -> MediaInfo:
    try:
        return probe(path, limits=MediaLimits())
    except EngineError as refusal:
        refusal.args = (f"The {what} {upload.name!r}: {refusal}",)
        raise


def _accept(look: Look, picture: MediaInfo, sound: MediaInfo) -> None:
    with acting_for(look.tenant_id):
        for upload, info in ((look.video, picture), (look.audio, sound)):
            Upload.objects.filter(id=upload.id).update(media_info=info.to_mapping())
        lifecycle.accept_probe(look.job_id)
        previews.ask_for(look.video)
    log.info("job_accepted", job_id=str(look.job_id), tenant_id=str(look.tenant_id))


def _refuse(look: Look, refusal: EngineError) -> None:
    told = {"code": refusal.code, "message": str(refusal), "hint": refusal.hint}
    with acting_for(look.tenant_id):
        lifecycle.refuse(look.job_id, **told)
    metrics.failed_jobs.labels(refusal.code).inc()
    log.info("job_refused", job_id=str(look.job_id), code=refusal.code)
