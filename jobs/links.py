"""Links of our own that say what they allow and until when, signed: whoever has one may use it."""

import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core import signing
from django.urls import reverse

from jobs.errors import BadSignature


def link(view: str, claims: Mapping[str, Any], *, salt: str, seconds: int) -> str:
    """An address of the view that carries the claims and is good for `seconds`."""
    dated = {**claims, "until": int(time.time()) + seconds}
    return settings.SITE_URL + reverse(view, args=[signing.dumps(dated, salt=salt)])


def opened(token: str, *, salt: str, hint: str) -> dict[str, Any]:
    """What a link says. Raises BadSignature with the hint: it was tampered with, or is too old."""
    try:
        claims: dict[str, Any] = signing.loads(token, salt=salt)
    except signing.BadSignature:
        raise BadSignature(hint) from None
    if claims["until"] < time.time():
        raise BadSignature(hint)
    return claims
