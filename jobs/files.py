"""What S3 does by itself, for the storage that is a folder: signed links, with Range, and parts.

A link is a secret: nothing here may end as an unhandled error, whose log line would carry it.
"""

import errno
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import structlog
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
    UnreadablePostError,
)
from django.utils.http import content_disposition_header
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from jobs import downloads, storage
from jobs.api.answering import as_response
from jobs.api.problems import problem_of
from jobs.errors import BadPart, BadSignature, NoMoreParts, StorageBroken, StorageFull
from jobs.parts import FolderParts

log = structlog.get_logger(__name__)

BLOCK_BYTES = 1 << 17
ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@csrf_exempt  # it changes nothing: another method is told so, not asked for a token
@require_safe
def download(request: HttpRequest, token: str) -> HttpResponseBase:
    """The object that the link names, or a part of it: 200, 206, 416; 403 for a bad link."""
    try:
        claims = downloads.opened(token)
    except BadSignature as refusal:
        return as_response(problem_of(refusal), request)
    shelf = storage.shelf_of(claims["key"])
    if not storage.is_folder(shelf) or not shelf.exists(claims["key"]):
        raise Http404
    try:
        response = _section(request, Path(shelf.path(claims["key"])))
    except FileNotFoundError:  # removed since it was looked for
        raise Http404 from None
    except OSError as problem:
        return _broken(problem, request)
    response["Accept-Ranges"] = "bytes"
    response["Content-Type"] = downloads.content_type_of(
        claims["key"], claims["name"], inline=claims["inline"]
    )
    header = content_disposition_header(not claims["inline"], claims["name"])
    response["Content-Disposition"] = header or "inline"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@csrf_exempt  # the link itself is the permission
@require_http_methods(["PUT"])
def receive_part(request: HttpRequest, token: str) -> HttpResponse:
    """The body of a part, streamed to disk."""
    try:
        size = FolderParts.write(token, request)
    except (BadSignature, BadPart, NoMoreParts) as refusal:
        return as_response(problem_of(refusal), request)
    except UnreadablePostError:
        cut = BadPart("The body ended before all of the part had come.")
        return as_response(problem_of(cut), request)
    except OSError as problem:
        return _broken(problem, request)
    return JsonResponse({"size_bytes": size})


def _broken(problem: OSError, request: HttpRequest) -> JsonResponse:
    """507 for a disk that is full; 500 otherwise, told in the log by its reason alone."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        log.error("storage_full")
        return as_response(problem_of(StorageFull()), request)
    log.error("storage_broke", reason=problem.strerror or type(problem).__name__)
    return as_response(problem_of(StorageBroken()), request)


def _section(request: HttpRequest, path: Path) -> HttpResponseBase:
    size = path.stat().st_size
    asked = ONE_RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or asked.groups() == ("", ""):
        return _stream(request, path, 0, size)
    first, last = _bounds(asked, size)
    if first > last:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    response = _stream(request, path, first, last - first + 1)
    response.status_code = 206
    response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


def _bounds(asked: re.Match[str], size: int) -> tuple[int, int]:
    """First and last byte; `-500` means the last 500."""
    first, last = asked.groups()
    if not first:
        length = min(int(last), size)
        return (size - length, size - 1) if length else (1, 0)
    return int(first), min(int(last or size - 1), size - 1)


def _stream(request: HttpRequest, path: Path, start: int, length: int) -> HttpResponseBase:
    body = () if request.method == "HEAD" else _blocks(path.open("rb"), start, length)
    response = StreamingHttpResponse(body)
    response["Content-Length"] = str(length)
    return response


def _blocks(file: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while length > 0 and (block := file.read(min(BLOCK_BYTES, length))):
            length -= len(block)
            yield block
