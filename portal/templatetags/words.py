"""Filters that put figures and times into words for the pages."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

from django import template
from django.utils import timezone
from django.utils.timesince import timesince

register = template.Library()


@register.filter
def iso(moment: datetime) -> str:
    """The machine's form of a time: ISO 8601 in UTC with Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@register.filter
def moment(moment: datetime) -> str:
    """A time in the viewer's zone with its offset: 3 Nov 2026, 14:05 (UTC+01:00)."""
    local = timezone.localtime(moment)
    offset = local.strftime("%z")
    return f"{local.day} {local:%b %Y, %H:%M} (UTC{offset[:3]}:{offset[3:5]})"


@register.filter
def ago(moment: datetime) -> str:
    """How long ago, in one unit; "just now" below a minute."""
    if (timezone.now() - moment).total_seconds() < 60:
        return "just now"
    return f"{timesince(moment, depth=1)} ago"


@register.filter(name="bytes")
def in_bytes(size: int | None) -> str:
    """A size in decimal units, as file managers show it: 1.2 MB."""
    figure = float(size or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if figure < 1000:
            return (
                f"{figure:.0f} {unit}" if unit == "B" or figure >= 100 else f"{figure:.1f} {unit}"
            )
        figure /= 1000
    return f"{figure:.1f} TB"


@register.filter(name="seconds")
def in_seconds(length: Any) -> str:
    """A length of time: 4.2 s, 3 min 05 s, 2 h 07 min. Accepts any number of seconds."""
    length = float(length or 0)
    if round(length, 1) < 60:
        return f"{length:.1f} s"
    minutes, seconds = divmod(round(length), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def clock(seconds: Fraction) -> str:
    """A place in a film, as the players tell it: 0:04.2, 61:00.0."""
    minutes, rest = divmod(round(seconds * 10), 600)
    return f"{minutes}:{rest / 10:04.1f}"


def between(earliest: datetime, latest: datetime, *, now: datetime | None = None) -> str:
    """A range of times in the viewer's zone, to whole minutes: between 14:05 and 14:20.

    The day is told where it isn't today; a range within one minute is one time.
    """
    today = timezone.localdate(now)
    early = timezone.localtime(earliest).replace(second=0, microsecond=0)
    late = timezone.localtime(latest).replace(second=0, microsecond=0)
    late += timedelta(minutes=1) if timezone.localtime(latest) > late else timedelta()
    if late - early <= timedelta(minutes=1):
        return f"about {_clock(late, today)}"
    return f"between {_clock(early, today)} and {_clock(late, today)}"


def _clock(local: datetime, today: date) -> str:
    day = "" if local.date() == today else f"{local.day} {local:%b} "
    return f"{day}{local:%H:%M}"
