"""Where files lie: S3, or a folder on this machine.

Keys are made here, of ids alone; what a tenant calls a file never becomes part of one. Nothing
here is called inside a transaction.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import UUID

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from jobs.content_types import content_type

if TYPE_CHECKING:  # the model's process fetches its files by this module, and has no database
    from jobs.models import Upload

CHUNK_BYTES = 1 << 20
OnBytes = Callable[[int], None]


def unheard(count: int) -> None:
    """For whoever does not ask how far it is."""


def inputs() -> Storage:
    return storages["inputs"]


def outputs() -> Storage:
    return storages["outputs"]


def upload_key(tenant_id: UUID, upload_id: UUID) -> str:
    return f"{tenant_id}/{upload_id}"


def result_key(tenant_id: UUID, job_id: UUID, attempt_id: UUID) -> str:
    """Of the attempt: a worker that was thought dead can't overwrite what its successor wrote."""
    return f"{tenant_id}/{job_id}/{attempt_id}.mp4"


def segment_keys(tenant_id: UUID, job_id: UUID, attempt_id: UUID, number: int) -> tuple[str, str]:
    """Of a finished piece: its film, and what the engine noted beside it."""
    name = f"{segments_prefix(tenant_id, job_id)}/{attempt_id}/{number:05d}"
    return f"{name}.mp4", f"{name}.json"


def segments_prefix(tenant_id: UUID, job_id: UUID) -> str:
    return f"{tenant_id}/{job_id}/segments"


def is_result(key: str) -> bool:
    """Results are tenant/job/attempt.mp4; inputs and their previews are tenant/upload..."""
    return key.count("/") == 2


def shelf_of(key: str) -> Storage:
    return outputs() if is_result(key) else inputs()


def fetch(
    key: str, path: Path, on_bytes: OnBytes = unheard, *, shelf: Storage | None = None
) -> Path:
    """Copy an object, an input unless told otherwise, to a local file without holding it in memory.

    `on_bytes` hears how many more have come, from any thread; that of put() likewise.
    """
    storage = shelf or inputs()
    if is_folder(storage):
        with Path(storage.path(key)).open("rb") as source, path.open("wb") as target:
            target.writelines(_counted(source, on_bytes))
    else:
        bucket_of(storage).Object(key).download_file(str(path), Callback=on_bytes)
    return path


def fetch_upload(upload: "Upload", path: Path, on_bytes: OnBytes = unheard) -> Path:
    """The same of what a tenant has sent.

    Raises OSError for more or fewer bytes than were sent: a storage that gives half of a file is
    ours to mend, and the engine would call the file damaged.
    """
    fetch(upload.key, path, on_bytes)
    if (size := path.stat().st_size) != upload.size_bytes:
        raise OSError(f"{size} bytes came of {upload.key}, which has {upload.size_bytes}")
    return path


def put_result(
    file: Path, tenant_id: UUID, job_id: UUID, attempt_id: UUID, on_bytes: OnBytes = unheard
) -> str:
    key = result_key(tenant_id, job_id, attempt_id)
    put(outputs(), key, file, on_bytes)
    return key


def put(storage: Storage, key: str, file: Path, on_bytes: OnBytes = unheard) -> None:
    """Store a local file under exactly this key, in place of what is there; whole or not at all."""
    if not is_folder(storage):
        told = {"ContentType": content_type(key)}
        bucket_of(storage).Object(key).upload_file(str(file), ExtraArgs=told, Callback=on_bytes)
        return
    storage.delete(key)
    try:
        with file.open("rb") as content:
            saved = storage.save(key, Counted(content, on_bytes))
    except OSError:  # a full disk keeps what was written until then
        storage.delete(key)
        raise
    if saved != key:
        raise OSError(f"stored as {saved} instead of {key}")


class Counted(File):  # type: ignore[type-arg]  # it takes none at run time
    """A file that says how much of it was read."""

    def __init__(self, file: BinaryIO, on_bytes: OnBytes) -> None:
        super().__init__(file)
        self._source, self._on_bytes = file, on_bytes

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        return _counted(self._source, self._on_bytes)


def _counted(source: BinaryIO, on_bytes: OnBytes) -> Iterator[bytes]:
    while chunk := source.read(CHUNK_BYTES):
        yield chunk
        on_bytes(len(chunk))


def size_and_hash(path: Path, on_bytes: OnBytes = unheard) -> tuple[int, str]:
    """Bytes and SHA-256 of a local file, read in pieces."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        for chunk in _counted(file, on_bytes):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def remove_below(storage: Storage, prefix: str) -> None:
    """Remove every object whose key begins with the prefix and a slash."""
    if is_folder(storage):
        with suppress(FileNotFoundError):
            shutil.rmtree(storage.path(prefix))
    else:
        bucket_of(storage).objects.filter(Prefix=f"{prefix}/").delete()


def listed(storage: Storage) -> Iterator[tuple[str, datetime]]:
    """Every key, and when it was written. A file that goes meanwhile may be missing."""
    if not is_folder(storage):
        for item in bucket_of(storage).objects.all():
            yield item.key, item.last_modified
        return
    root = Path(storage.path(""))
    for folder, _, names in os.walk(root):
        for file in (Path(folder) / name for name in names):
            with suppress(FileNotFoundError):
                changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                yield str(file.relative_to(root)), changed


def is_folder(storage: Storage) -> bool:
    return isinstance(storage, FileSystemStorage)


def bucket_of(storage: Storage) -> Any:
    """boto3's bucket behind a django-storages S3Storage."""
    return storage.bucket  # type: ignore[attr-defined]
