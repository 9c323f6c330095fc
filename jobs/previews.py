"""A poster of each video, and a film that a browser plays where it can't play the source.

Nothing waits for them: a job goes on without. Transcoding an hour takes many minutes, so it has a
queue of its own, of which a worker takes one message at a time.
"""

from pathlib import Path
from uuid import UUID

import structlog

from inference.errors import EngineError
from inference.media import make_preview
from jobs import storage
from jobs.folders import work_folder
from jobs.models import Upload
from messaging.outbox import enqueue, message
from tenants.context import acting_for

log = structlog.get_logger(__name__)


def ask_for(upload: Upload) -> None:
    """Once more with each job of the video until its poster is there."""
    if upload.poster_key:
        return
    ids = {"upload_id": upload.id, "tenant_id": upload.tenant_id}
    enqueue(message("make_preview", ids, queue="previews", tenant_id=upload.tenant_id))


def make(upload_id: UUID, tenant_id: UUID) -> None:
    """Make what is not there yet. Done twice it writes the same two objects again.

    A file that gives no preview gets none; an error of ours is raised: the message comes again.
    """
    with acting_for(tenant_id):
        upload = Upload.objects.filter(id=upload_id, poster_key="").first()
    if upload is None:
        return
    with work_folder("preview") as folder:
        try:
            keys = _made(upload, folder)
        except EngineError as problem:
            if not problem.refusal:
                raise
            log.warning("preview_not_made", upload_id=str(upload_id), problem=str(problem))
            return
    with acting_for(tenant_id):
        Upload.objects.filter(id=upload_id).update(**keys)
    log.info("preview_made", upload_id=str(upload_id), tenant_id=str(tenant_id))


def _made(upload: Upload, folder: Path) -> dict[str, str]:
    """The keys under which poster and preview lie. Raises EngineError."""
    made = make_preview(storage.fetch_upload(upload, folder / "video"), folder)
    files = {
        "preview_key": (made.preview, "preview.mp4"),
        "poster_key": (made.poster, "poster.jpg"),
    }
    keys = {}
    for name, (file, ending) in files.items():
        if file is not None:
            keys[name] = f"{upload.key}.{ending}"
            storage.put(storage.inputs(), keys[name], file)
    return keys
