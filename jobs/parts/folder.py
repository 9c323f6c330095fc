"""Parts on this machine: files beside each other, sent to us by signed links."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jobs import links, storage
from jobs.errors import BadPart, NoMoreParts
from jobs.models import Upload
from jobs.parts.kinds import LINK_SECONDS, Begun, PartsGone

FRESH_LINK = "GET /v1/uploads/{id} gives fresh addresses for what is missing."
SALT = "viseme.parts"


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
