"""How files are handed out: by links that last a while.

S3 answers its own. A link to a folder's file is a signed token, which jobs/files.py answers, with
Range, as S3 would.
"""

from typing import Any

from django.core.files.storage import Storage
from django.utils.http import content_disposition_header

from jobs import links, storage
from jobs.content_types import content_type

FRESH_LINK = "Ask for the result again to get a fresh link."
LINK_SECONDS = 900
SALT = "viseme.files"


def link(key: str, filename: str, seconds: int = LINK_SECONDS, *, inline: bool = False) -> str:
    """A link to one object for `seconds`: to be saved under `filename`, or shown inside a page.

    Mint it only after the tenant was checked: who has the link has the file.
    """
    shelf, name = storage.shelf_of(key), safe_name(filename)
    if not storage.is_folder(shelf):
        return _presigned(shelf, key, name, seconds, inline)
    claims = {"key": key, "name": name, "inline": inline}
    return links.link("file", claims, salt=SALT, seconds=seconds)


def opened(token: str) -> dict[str, Any]:
    """What a link says. Raises BadSignature for a tampered one, and after its time."""
    return links.opened(token, salt=SALT, hint=FRESH_LINK)


def content_type_of(key: str, name: str, *, inline: bool) -> str:
    """A result is ours, so it says what it is; what a tenant sent is bytes unless it is shown."""
    return content_type(key) if storage.is_result(key) else content_type(name, inline=inline)


def safe_name(filename: str) -> str:
    """A tenant's file name, fit for a header: no folders, no control characters, not endless."""
    last = filename.replace("\\", "/").split("/")[-1]
    plain = "".join(c for c in last if c.isprintable() and c not in '"<>|:*?').strip(" .")
    return plain[-150:] or "video.mp4"


def _presigned(shelf: Storage, key: str, name: str, seconds: int, inline: bool) -> str:
    bucket = storage.bucket_of(shelf)
    asked = {
        "ResponseContentDisposition": content_disposition_header(not inline, name),
        "ResponseContentType": content_type_of(key, name, inline=inline),
        "ResponseCacheControl": "private, no-store",
    }
    told = {"Bucket": bucket.name, "Key": key, **asked}
    link: str = bucket.meta.client.generate_presigned_url("get_object", told, ExpiresIn=seconds)
    return link
