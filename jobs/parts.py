"""A large file comes in parts, each to an address of its own: S3's multipart upload, or a folder.

Which parts are there, the storage says: no list is kept beside it that could be wrong.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from django.core.files.storage import Storage

from jobs import links, storage
from jobs.errors import BadPart, NoMoreParts
from jobs.models import Upload

FRESH_LINK = "GET /v1/uploads/{id} gives fresh addresses for what is missing."
LINK_SECONDS = 3600
SALT = "viseme.parts"


class PartsGone(Exception):
    """While they were being joined somebody else joined or discarded them."""


@dataclass(frozen=True)
class Begun:
    """An upload to which parts may be sent, as the storage knows it; there may be no row of it."""

    key: str
    multipart_id: str
    at: datetime


class Parts(Protocol):
    def begin(self, upload: Upload) -> str:
        """Make room for the parts; an id that the storage wants to hear again, or nothing."""

    def link(self, upload: Upload, number: int) -> str:
        """Where to PUT part `number`, for an hour."""

    def there(self, upload: Upload) -> Mapping[int, int]:
        """The size in bytes of each part that has arrived."""

    def join(self, upload: Upload) -> None:
        """Make one object of the parts, in order. Raises PartsGone."""

    def discard(self, upload: Upload) -> None:
        """Forget the parts and what was joined of them."""

    def begun(self) -> Iterator[Begun]:
        """What was begun and neither joined nor discarded, where its parts are no files."""

    def forget(self, begun: Begun) -> None:
        """Its parts go."""


def parts() -> Parts:
    return FolderParts() if storage.is_folder(storage.inputs()) else S3Parts()


class FolderParts:
    """Each part is a file beside the others until they are joined."""

    def begin(self, upload: Upload) -> str:
        self._folder(upload).mkdir(parents=True, exist_ok=True)
        return ""

    def link(self, upload: Upload, number: int) -> str:
        claims = {
            "upload": str(upload.id),
            "tenant": str(upload.tenant_id),
            "part": number,
            "size": upload.size_of_part(number),
        }
        return links.link("part", claims, salt=SALT, seconds=LINK_SECONDS)

    def there(self, upload: Upload) -> Mapping[int, int]:
        folder = self._folder(upload)
        found = folder.glob("*.part") if folder.is_dir() else ()
        return {int(file.stem): file.stat().st_size for file in found}

    def join(self, upload: Upload) -> None:
        whole = Path(storage.inputs().path(upload.key))
        whole.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own: another call may be joining the same parts at this moment.
        unfinished = self._folder(upload) / f"{os.urandom(4).hex()}.whole"
        try:
            with unfinished.open("wb") as target:
                for number in range(1, upload.part_count + 1):
                    with self._part(upload.tenant_id, upload.id, number).open("rb") as part:
                        shutil.copyfileobj(part, target, storage.CHUNK_BYTES)
            unfinished.chmod(0o600)
            unfinished.replace(whole)
        except FileNotFoundError:
            raise PartsGone from None
        shutil.rmtree(self._folder(upload), ignore_errors=True)

    def discard(self, upload: Upload) -> None:
        shutil.rmtree(self._folder(upload), ignore_errors=True)
        storage.inputs().delete(upload.key)

    def begun(self) -> Iterator[Begun]:
        return iter(())

    def forget(self, begun: Begun) -> None:
        """Never asked: begun() names none."""

    def _folder(self, upload: Upload) -> Path:
        return self._part(upload.tenant_id, upload.id, 0).parent

    @staticmethod
    def _part(tenant_id: Any, upload_id: Any, number: int) -> Path:
        folder = storage.inputs().path(f"{tenant_id}/{upload_id}.parts")
        return Path(folder) / f"{number}.part"

    @classmethod
    def write(cls, token: str, stream: Any) -> int:
        """Store the body of a PUT to a part's link, straight to disk; its size in bytes.

        Raises BadSignature; NoMoreParts; BadPart when the body is not as long as the part must be.
        """
        claims = links.opened(token, salt=SALT, hint=FRESH_LINK)
        target = cls._part(claims["tenant"], claims["upload"], claims["part"])
        if not target.parent.is_dir():
            raise NoMoreParts(claims["upload"])
        incoming = target.with_suffix(f".{os.urandom(4).hex()}.incoming")
        try:
            with incoming.open("wb") as file:
                size = _copy(stream, file, claims["size"])
            if size != claims["size"]:
                raise BadPart(f"Part {claims['part']} has {claims['size']} bytes, not {size}.")
            incoming.replace(target)
        except FileNotFoundError:
            # The folder went while the part came.
            raise NoMoreParts(claims["upload"]) from None
        finally:
            incoming.unlink(missing_ok=True)
        return size


class S3Parts:
    """S3's own multipart upload; the bytes never come through us.

    shelf: where; the bucket of the inputs, unless another one's leftovers are looked for.
    """

    def __init__(self, shelf: Storage | None = None) -> None:
        self._shelf = shelf or storage.inputs()

    def begin(self, upload: Upload) -> str:
        begun = self._bucket.Object(upload.key).initiate_multipart_upload(ContentType=storage.BYTES)
        return str(begun.id)

    def link(self, upload: Upload, number: int) -> str:
        told = {**self._named(upload), "PartNumber": number}
        # Signed with its length: a longer body than announced is refused by S3 itself.
        told["ContentLength"] = upload.size_of_part(number)
        client = self._bucket.meta.client
        link: str = client.generate_presigned_url("upload_part", told, ExpiresIn=LINK_SECONDS)
        return link

    def there(self, upload: Upload) -> Mapping[int, int]:
        return {part["PartNumber"]: part["Size"] for part in self._listed(upload)}

    def join(self, upload: Upload) -> None:
        listed = [{k: p[k] for k in ("PartNumber", "ETag")} for p in self._listed(upload)]
        client = self._bucket.meta.client
        try:
            client.complete_multipart_upload(
                **self._named(upload), MultipartUpload={"Parts": listed}
            )
        except client.exceptions.NoSuchUpload:
            raise PartsGone from None

    def discard(self, upload: Upload) -> None:
        client = self._bucket.meta.client
        try:
            client.abort_multipart_upload(**self._named(upload))
        except client.exceptions.NoSuchUpload:
            client.delete_object(Bucket=self._bucket.name, Key=upload.key)

    def begun(self) -> Iterator[Begun]:
        for found in self._bucket.multipart_uploads.all():
            yield Begun(found.object_key, found.id, found.initiated)

    def forget(self, begun: Begun) -> None:
        with suppress(self._bucket.meta.client.exceptions.NoSuchUpload):
            self._bucket.Object(begun.key).MultipartUpload(begun.multipart_id).abort()

    def _listed(self, upload: Upload) -> list[dict[str, Any]]:
        client = self._bucket.meta.client
        found = client.get_paginator("list_parts").paginate(**self._named(upload))
        try:
            return [part for page in found for part in page.get("Parts", [])]
        except client.exceptions.NoSuchUpload:  # aborted by the bucket's own rule after some days
            return []

    def _named(self, upload: Upload) -> dict[str, Any]:
        return {"Bucket": self._bucket.name, "Key": upload.key, "UploadId": upload.multipart_id}

    @property
    def _bucket(self) -> Any:
        return storage.bucket_of(self._shelf)


def _copy(stream: Any, file: Any, limit: int) -> int:
    """At most one byte over the limit is read: enough to know that there is more."""
    copied = 0
    while copied <= limit:
        chunk = stream.read(min(storage.CHUNK_BYTES, limit + 1 - copied))
        if not chunk:
            break
        file.write(chunk)
        copied += len(chunk)
    return copied
