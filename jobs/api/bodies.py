"""How much a request may carry, decided by what it announces, before any of it is read."""

import re
import socket
import threading
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework import exceptions
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request

from jobs.api.problems import Problem

JSON_LIMIT_BYTES = 1 << 20
FORM_OVERHEAD_BYTES = 64 << 10  # boundaries, names and fields beside the files

# A client that is refused while it still sends sees a broken connection instead of the answer,
# unless somebody reads on. Not for ever, though.
DRAIN_BYTES = 64 << 20
DRAIN_SECONDS = 20
CHUNK_BYTES = 64 << 10

SAFE_KEY = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}")


class Json(JSONParser):
    def parse(self, *arguments: Any, **named: Any) -> Any:
        try:
            return super().parse(*arguments, **named)
        except RecursionError:
            raise exceptions.ParseError from None


class Form(MultiPartParser):
    """Its files go to disk while they come in: settings.FILE_UPLOAD_HANDLERS."""


def check_length(request: Request) -> None:
    """Raises Problem 411 or 413."""
    if "HTTP_TRANSFER_ENCODING" in request.META:
        raise Problem(
            411,
            "length_required",
            "A body needs the header Content-Length here.",
            hint="Send a file or a text, whose size is known, not a pipe and not in chunks.",
        )
    length = announced(request)
    if (request.content_type or "").lower().startswith("multipart/"):
        if length > settings.FORM_LIMIT_BYTES + FORM_OVERHEAD_BYTES:
            raise form_too_large()
    elif length > JSON_LIMIT_BYTES:
        raise Problem(
            413,
            "body_too_large",
            f"A body here has at most {JSON_LIMIT_BYTES >> 20} MB.",
            hint="Files come in a form, or in parts: POST /v1/uploads.",
        )


def announced(request: Request | HttpRequest) -> int:
    """Bytes of the body by its header, which the server has checked; 0 without one."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def form_too_large() -> Problem:
    megabytes = settings.FORM_LIMIT_BYTES >> 20
    return Problem(
        413,
        "form_too_large",
        f"A form carries at most {megabytes} MB of files together.",
        hint="Send larger files in parts: POST /v1/uploads for each, then POST /process "
        "with video_upload and audio_upload.",
    )


def drain(request: HttpRequest) -> None:
    """Read what the client still sends, and forget it, within DRAIN_SECONDS in all."""
    left = DRAIN_BYTES
    # One read waits for a whole chunk, each byte of which may come just before the socket's own
    # timeout: only an end of input from outside bounds it.
    end = threading.Timer(DRAIN_SECONDS, _hear_no_more, [request])
    end.start()
    try:
        while left > 0 and (chunk := request.read(CHUNK_BYTES)):
            left -= len(chunk)
    except (OSError, ValueError):
        return  # the client has gone
    finally:
        end.cancel()


def _hear_no_more(request: HttpRequest) -> None:
    """The answer can still be sent; the connection ends after it."""
    if (ours := request.META.get("gunicorn.socket")) is not None:
        with suppress(OSError):
            ours.shutdown(socket.SHUT_RD)


def idempotency_key(request: Request) -> str | None:
    """The header, or None without one. Raises Problem 400: guessing would risk a second job.

    A header that was sent twice arrives joined by a comma, which no key has.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if SAFE_KEY.fullmatch(key) is None:
        raise Problem(
            400,
            "bad_idempotency_key",
            "Idempotency-Key must be sent once, with 1 to 128 letters, digits or . _ : + / = @ -",
        )
    return str(key)
