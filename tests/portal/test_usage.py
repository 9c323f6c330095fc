"""The usage of a month."""

import csv
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from django.urls import reverse

from billing import ledger
from messaging.ids import new_id
from tenants.context import acting_for, as_operator

pytestmark = pytest.mark.django_db
MAY = reverse("portal:usage_month", args=[2026, 5])


@pytest.fixture
def deliver(studio):
    """One delivered video in the ledger."""

    def record(when: datetime, seconds: Fraction = Fraction(10), gpu: str = "42.000") -> None:
        with acting_for(studio.tenant.id):
            ledger.record(
                studio.tenant.id,
                event_id=f"job:{new_id()}:output_seconds",
                metric="output_seconds",
                quantity=seconds,
                unit="second",
                source_id=new_id(),
                occurred_at=when,
                dimensions={},
                measures={"output_bytes": 5000},
                costs={"gpu_seconds": gpu},
            )

    return record


def rows_of(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(answer.content.decode().splitlines()))


def test_a_month_shows_totals_a_bar_and_a_row_a_day(studio, deliver):
    for day in (3, 3, 9):
        deliver(datetime(2026, 5, day, 12, tzinfo=UTC))
    page = studio.browser.get(MAY).text
    assert "May 2026" in page and "30.0 s" in page and "2 min 06 s" in page
    assert page.count("<title>") == 1 + 31
    assert ">Sun 3<" in page and ">Sat 9<" in page and ">Mon 4<" not in page


def test_gpu_time_is_not_shown_where_no_gpu_worked(studio, deliver):
    deliver(datetime(2026, 5, 3, 12, tzinfo=UTC), gpu="0.000")
    assert "GPU time" not in studio.browser.get(MAY).text
    deliver(datetime(2026, 5, 4, 12, tzinfo=UTC))
    assert studio.browser.get(MAY).text.count("GPU time") == 2


def test_an_empty_month_says_so(studio):
    assert "Nothing was delivered in May 2026" in studio.browser.get(MAY).text


def test_a_month_ends_in_the_tenants_own_zone(studio, deliver):
    with as_operator("tests"):
        studio.tenant.time_zone = "Europe/Berlin"
        studio.tenant.save()
    deliver(datetime(2026, 4, 30, 22, 30, tzinfo=UTC))  # half past midnight in Berlin
    page = studio.browser.get(MAY).text
    assert "Europe/Berlin, UTC+02:00" in page and ">Fri 1<" in page
    assert "Nothing" in studio.browser.get(reverse("portal:usage_month", args=[2026, 4])).text


def test_the_months_beside_it_are_linked_but_not_the_future(studio):
    page = studio.browser.get(reverse("portal:usage_month", args=[2026, 1])).text
    assert reverse("portal:usage_month", args=[2025, 12]) in page
    assert reverse("portal:usage_month", args=[2026, 2]) in page
    assert 'rel="next"' not in studio.browser.get(reverse("portal:usage")).text


@pytest.mark.parametrize(("year", "month"), [(2026, 13), (2026, 0), (1, 1), (99999, 1)])
def test_a_month_that_does_not_exist_is_not_found(studio, year, month):
    assert studio.browser.get(f"/usage/{year}-{month}/").status_code == 404


def test_the_table_can_be_had_as_csv(studio, deliver):
    deliver(datetime(2026, 5, 3, 12, tzinfo=UTC), Fraction(1001, 100))
    answer = studio.browser.get(reverse("portal:usage_csv", args=[2026, 5]))
    assert 'attachment; filename="viseme-usage-2026-05.csv"' in str(answer.headers)
    rows = rows_of(answer)
    assert len(rows) == 31
    third = {"day": "2026-05-03", "videos": "1", "output_seconds": "10.010"}
    assert rows[2] == third | {"gpu_seconds": "42.000", "output_bytes": "5000"}


def test_another_tenants_usage_is_not_counted(make_studio, deliver):
    deliver(datetime(2026, 5, 3, 12, tzinfo=UTC))
    assert "Nothing was delivered" in make_studio("Birch").browser.get(MAY).text


def test_days_of_utc_are_told_without_an_offset(studio):
    assert "by day (UTC)." in studio.browser.get(MAY).text
