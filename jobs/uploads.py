"""Files on their way in: in parts to the storage, or small ones with a form.

The functions that talk to the storage open their own short transactions around it: call them
outside of acting_for(), with the tenant's id.
"""

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from jobs import downloads, storage
from jobs.clock import database_now
from jobs.errors import EmptyUpload, UploadClosed, UploadIncomplete, UploadTooLarge
from jobs.models import Job, Upload, UploadKind, UploadState
from jobs.parts import PartsGone, parts
from messaging.ids import new_id
from tenants.context import acting_for
from tenants.models import Limits

PART_BYTES = 8 << 20  # S3 wants at least 5 MiB, and at most 10,000 parts
MOST_PARTS = 10_000


def start(tenant_id: UUID, kind: str, name: str, size_bytes: int) -> Upload:
    """Open an upload of a fixed size.

    Raises EmptyUpload, UploadTooLarge, and ValueError for a wrong kind.
    """
    kind = UploadKind(kind)
    _refuse_size(tenant_id, name, size_bytes)
    upload = _new(tenant_id, kind, name, size_bytes)
    upload.multipart_id = parts().begin(upload)
    with acting_for(tenant_id):
        upload.save(force_insert=True)
    return upload


def missing_parts(upload: Upload) -> list[dict[str, Any]]:
    """What is still to be sent, and where to: number, size_bytes, method, url."""
    there = parts().there(upload)
    return [
        {
            "number": number,
            "size_bytes": upload.size_of_part(number),
            "method": "PUT",
            "url": parts().link(upload, number),
        }
        for number in range(1, upload.part_count + 1)
        if there.get(number) != upload.size_of_part(number)
    ]


def complete(tenant_id: UUID, upload_id: UUID) -> Upload:
    """All parts are there: make one file of them. Completing twice changes nothing.

    Raises Upload.DoesNotExist, UploadIncomplete (which names the parts), UploadClosed.
    """
    upload = find(tenant_id, upload_id)
    if upload.state == UploadState.READY:
        return upload
    if upload.state != UploadState.OPEN:
        raise UploadClosed(upload)
    if not _is_whole(upload):
        if lacking := [part["number"] for part in missing_parts(upload)]:
            raise UploadIncomplete(lacking)
        _join(upload)
    with acting_for(tenant_id):
        done = _make_ready(upload_id)
    if done.state != UploadState.READY:  # aborted while its parts were being joined
        parts().discard(done)
        raise UploadClosed(done)
    return done


def abort(tenant_id: UUID, upload_id: UUID) -> Upload:
    """Give up an upload that is not complete. Raises Upload.DoesNotExist, UploadClosed."""
    with acting_for(tenant_id):
        upload = Upload.objects.select_for_update().get(id=upload_id)
        if upload.state == UploadState.READY:
            raise UploadClosed(upload)
        upload.state = UploadState.ABORTED
        upload.save(update_fields=["state"])
    parts().discard(upload)
    return upload


def receive_file(tenant_id: UUID, kind: str, file: "UploadedFile[Any]") -> Upload:
    """Store a small file that came with a form. Its hash lets a repeated form be recognized.

    Raises EmptyUpload, UploadTooLarge.
    """
    size = file.size or 0
    _refuse_size(tenant_id, file.name or kind, size)
    upload = _new(tenant_id, UploadKind(kind), file.name or kind, size)
    with tempfile.NamedTemporaryFile(dir=_spool(), suffix=".form") as copy:
        digest = hashlib.sha256()
        for chunk in file.chunks():
            digest.update(chunk)
            copy.write(chunk)
        copy.flush()
        storage.put(storage.inputs(), upload.key, Path(copy.name))
    upload.sha256 = digest.hexdigest()
    upload.state, upload.completed_at = UploadState.READY, None
    with acting_for(tenant_id):
        upload.completed_at = database_now()
        upload.save(force_insert=True)
    return upload


def submit_files(
    tenant_id: UUID,
    files: "Mapping[str, UploadedFile[Any]]",
    submit: Callable[[UUID, UUID], tuple[Job, bool]],
) -> tuple[Job, bool]:
    """Store a form's video and audio, then submit a job of their ids; its answer is returned.

    They are taken back when no job comes of them: it was refused, or the form was sent before.
    """
    with ExitStack() as undoing:
        ids = []
        for kind in (UploadKind.VIDEO, UploadKind.AUDIO):
            upload = receive_file(tenant_id, kind, files[kind])
            undoing.callback(discard, tenant_id, upload)
            ids.append(upload.id)
        job, replayed = submit(*ids)
        if not replayed:
            undoing.pop_all()
    return job, replayed


def discard(tenant_id: UUID, upload: Upload) -> None:
    """Take back a form's file that no job has."""
    with acting_for(tenant_id):
        Upload.objects.filter(id=upload.id).delete()
    storage.inputs().delete(upload.key)


def find(tenant_id: UUID, upload_id: UUID) -> Upload:
    """Raises Upload.DoesNotExist."""
    with acting_for(tenant_id):
        upload: Upload = Upload.objects.get(id=upload_id)
    return upload


def _refuse_size(tenant_id: UUID, name: str, size_bytes: int) -> None:
    if size_bytes < 1:
        raise EmptyUpload(name)
    with acting_for(tenant_id):
        limit = Limits.objects.get().upload_bytes
    if size_bytes > limit:
        raise UploadTooLarge(size_bytes, limit)


def _join(upload: Upload) -> None:
    try:
        parts().join(upload)
    except PartsGone:
        if not _is_whole(upload):  # aborted, not completed by another call
            raise UploadClosed(find(upload.tenant_id, upload.id)) from None


def _is_whole(upload: Upload) -> bool:
    """The parts were joined by a call that died before it could say so; they are gone since."""
    shelf = storage.inputs()
    return bool(shelf.exists(upload.key) and shelf.size(upload.key) == upload.size_bytes)


@transaction.atomic
def _make_ready(upload_id: UUID) -> Upload:
    upload: Upload = Upload.objects.select_for_update().get(id=upload_id)
    if upload.state == UploadState.OPEN:
        upload.state, upload.completed_at = UploadState.READY, database_now()
        upload.save(update_fields=["state", "completed_at"])
    return upload


def _new(tenant_id: UUID, kind: UploadKind, name: str, size_bytes: int) -> Upload:
    upload_id = new_id()
    return Upload(
        id=upload_id,
        tenant_id=tenant_id,
        kind=kind,
        name=downloads.safe_name(name),
        size_bytes=size_bytes,
        part_bytes=max(PART_BYTES, -(-size_bytes // MOST_PARTS)),
        key=storage.upload_key(tenant_id, upload_id),
    )


def _spool() -> Path:
    settings.WORK_ROOT.mkdir(parents=True, exist_ok=True)
    return Path(settings.WORK_ROOT)
