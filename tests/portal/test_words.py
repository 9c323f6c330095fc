"""Figures and times in words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from portal.templatetags import words

NOON = datetime(2026, 11, 3, 13, 5, tzinfo=UTC)


def test_a_time_is_shown_in_the_viewers_zone_with_its_offset():
    with timezone.override(ZoneInfo("Asia/Kolkata")):
        assert words.moment(NOON) == "3 Nov 2026, 18:35 (UTC+05:30)"


def test_the_machine_reads_utc_whatever_the_viewers_zone():
    with timezone.override(ZoneInfo("America/St_Johns")):
        assert words.iso(NOON) == "2026-11-03T13:05:00Z"


def test_less_than_a_minute_ago_is_just_now():
    assert words.ago(timezone.now() - timedelta(seconds=20)) == "just now"
    assert words.ago(timezone.now() - timedelta(hours=3)).replace("\xa0", " ") == "3 hours ago"


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (None, "0 B"),
        (999, "999 B"),
        (1_240_008, "1.2 MB"),
        (250_000_000, "250 MB"),
    ],
)
def test_a_size_is_shown_in_decimal_units(size, shown):
    assert words.in_bytes(size) == shown


@pytest.mark.parametrize(
    ("length", "shown"),
    [(4.2, "4.2 s"), (59.96, "1 min 00 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")],
)
def test_a_length_of_time_is_shown_in_two_units_at_most(length, shown):
    assert words.in_seconds(length) == shown
