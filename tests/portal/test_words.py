"""Figures and times in words."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
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
    ("seconds", "shown"),
    [
        (0, "0:00.0"),
        (Fraction(8, 25), "0:00.3"),
        (Fraction(5997, 100), "1:00.0"),
        (3661, "61:01.0"),
    ],
)
def test_a_place_in_a_film_is_told_as_the_players_tell_it(seconds, shown):
    assert words.clock(Fraction(seconds)) == shown


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


@pytest.mark.parametrize(
    ("early", "late", "shown"),
    [
        ("13:05:00", "13:20:00", "between 13:05 and 13:20"),
        ("13:05:59", "13:19:01", "between 13:05 and 13:20"),
        ("13:05:10", "13:06:50", "between 13:05 and 13:07"),
        ("13:05:10", "13:05:50", "about 13:06"),
        ("13:05:10", "13:06:00", "about 13:06"),
        ("13:05:00", "13:05:00", "about 13:05"),
        ("23:50:00", "23:59:30", "between 23:50 and 4 Nov 00:00"),
    ],
)
def test_a_range_of_times_is_to_whole_minutes_outwards(early, late, shown):
    ends = [datetime.fromisoformat(f"2026-11-03T{each}Z") for each in (early, late)]
    assert words.between(*ends, now=NOON) == shown


def test_a_range_is_in_the_viewers_zone_and_names_another_day():
    tomorrow = NOON + timedelta(hours=11)
    with timezone.override(ZoneInfo("Asia/Kolkata")):
        assert words.between(NOON, NOON + timedelta(minutes=3), now=NOON) == (
            "between 18:35 and 18:38"
        )
        assert words.between(tomorrow, tomorrow + timedelta(hours=1), now=NOON) == (
            "between 4 Nov 05:35 and 4 Nov 06:35"
        )
