"""What an operator types for a job or a moment."""

import re
from datetime import UTC, datetime, timedelta

from django.core.management.base import CommandError
from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from jobs.models import Job

SHORTEST_END = 6
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def found(named: str) -> Job:
    """By the id, or by the end of it. Raises CommandError."""
    if len(named) < SHORTEST_END:
        raise CommandError(f"Name a job by at least the last {SHORTEST_END} characters of its id.")
    jobs = Job.objects.select_related("tenant", "video", "audio")
    ending = jobs.annotate(text=Cast("id", TextField())).filter(text__endswith=named.lower())
    matching = list(ending[:2])
    if len(matching) != 1:
        raise CommandError(f"{'No job ends' if not matching else 'Several jobs end'} with {named}.")
    return matching[0]


def moment(told: str) -> datetime:
    """So long ago, or at that time, in UTC if it names no zone. Raises CommandError."""
    if ago := re.fullmatch(r"(\d{1,4})([mhd])", told):
        return timezone.now() - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        time = parse_datetime(told)
    except ValueError:
        time = None
    if time is None:
        raise CommandError(f"{told!r} is no time; write 2h, 30m, 1d or 2026-11-28T03:00Z.")
    return time if time.tzinfo else time.replace(tzinfo=UTC)
