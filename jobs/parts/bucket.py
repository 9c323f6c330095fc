"""Parts in a bucket: S3's own multipart upload."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from django.core.files.storage import Storage

from jobs import storage
from jobs.content_types import BYTES
from jobs.models import Upload
from jobs.parts.kinds import LINK_SECONDS, Begun, PartsGone


class S3Parts:
    """The bytes never come through us.

    shelf: where; the bucket of the inputs, unless another one's leftovers are looked for.
    """

    def __init__(self, shelf: Storage | None = None) -> None:
        self._shelf = shelf or storage.inputs()

    def begin(self, upload: Upload) -> str:
        begun = self._bucket.Object(upload.key).initiate_multipart_upload(ContentType=BYTES)
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
