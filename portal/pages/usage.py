"""The usage of a month: what was delivered, by day of the tenant's own zone."""

import csv
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from jobs import reports
from jobs.reports import Month, Usage
from portal.pages import charts
from portal.pages.entry import MemberRequest, for_tenant
from portal.templatetags.words import in_seconds
from tenants.people import MAY_SEE_USAGE, Belonging

EARLIEST, LATEST = date(2000, 1, 1), date(9000, 1, 1)
# The unit of the chart's scale, by its highest bar: (from so many seconds on, divisor, unit).
UNITS = [(3 * 3600, 3600, "h"), (180, 60, "min"), (0, 1, "s")]


@require_GET
@never_cache
@for_tenant(MAY_SEE_USAGE)
def month(request: MemberRequest, year: int = 0, number: int = 0) -> HttpResponse:
    """The present month without a year and a number."""
    zone = ZoneInfo(request.tenant.time_zone)
    first = first_of_month(year, number) if year else today(zone).replace(day=1)
    used = reports.month_of_usage(first, zone)
    context = (
        figures(used)
        | neighbors(first, today(zone))
        | {
            "days": used.days,
            "chart": chart(used.days),
            "csv_url": address("usage_csv", first),
            "zone_name": zone.key if zone.key == "UTC" else f"{zone.key}, UTC{offset(first, zone)}",
        }
    )
    return render(request, "pages/usage/month.html", context)


@require_GET
@never_cache
@for_tenant(MAY_SEE_USAGE)
def table(request: MemberRequest, year: int, number: int) -> HttpResponse:
    """The days as CSV: figures and dates only, nothing that a spreadsheet would compute."""
    first = first_of_month(year, number)
    used = reports.month_of_usage(first, ZoneInfo(request.tenant.time_zone))
    name = f"viseme-usage-{first:%Y-%m}.csv"
    disposition = f'attachment; filename="{name}"'
    response = HttpResponse(
        content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition}
    )
    writer = csv.writer(response)
    writer.writerow(["day", "videos", "output_seconds", "gpu_seconds", "output_bytes"])
    writer.writerows(row(day) for day in used.days)
    return response


def row(day: Usage) -> list[Any]:
    seconds = f"{float(day.output_seconds):.3f}"
    return [day.day, day.videos, seconds, f"{day.gpu_seconds:.3f}", day.output_bytes]


def present_month(tenant: Belonging) -> dict[str, Any]:
    """The figures of the month so far, for the overview. Inside acting_for()."""
    zone = ZoneInfo(tenant.time_zone)
    return figures(reports.month_of_usage(today(zone).replace(day=1), zone))


def figures(used: Month) -> dict[str, Any]:
    totals = {
        "videos": used.total.videos,
        "output_seconds": used.total.output_seconds,
        "gpu_seconds": used.total.gpu_seconds,
        "stored_bytes": used.stored_bytes,
    }
    return {"totals": totals, "month_name": date_format(used.first, "F Y")}


def neighbors(first: date, today: date) -> dict[str, Any]:
    """The months beside this one; none after the present one."""
    before = date(first.year - (first.month == 1), (first.month - 2) % 12 + 1, 1)
    after = date(first.year + (first.month == 12), first.month % 12 + 1, 1)
    return {
        "previous_url": address("usage_month", before),
        "previous_name": date_format(before, "F Y"),
        "next_url": address("usage_month", after) if after <= today else "",
        "next_name": date_format(after, "F Y"),
    }


def chart(days: list[Usage]) -> charts.Chart:
    highest = max(float(day.output_seconds) for day in days)
    divisor, unit = next((by, unit) for least, by, unit in UNITS if highest >= least)
    return charts.bars(
        [(title(day), label(day), float(day.output_seconds) / divisor) for day in days], unit
    )


def title(day: Usage) -> str:
    assert day.day is not None
    delivered = in_seconds(day.output_seconds) if day.videos else "nothing"
    videos = f", {day.videos} video{'' if day.videos == 1 else 's'}" if day.videos else ""
    return f"{date_format(day.day, 'D j M')}: {delivered}{videos}"


def label(day: Usage) -> str:
    assert day.day is not None
    return str(day.day.day) if day.day.day == 1 or day.day.day % 5 == 0 else ""


def first_of_month(year: int, number: int) -> date:
    """404 for a thirteenth month and for years that no calendar here has."""
    if not 1 <= number <= 12 or not EARLIEST.year <= year < LATEST.year:
        raise Http404
    return date(year, number, 1)


def today(zone: ZoneInfo) -> date:
    return timezone.now().astimezone(zone).date()


def offset(first: date, zone: ZoneInfo) -> str:
    shown = datetime(first.year, first.month, 1, tzinfo=zone).strftime("%z")
    return f"{shown[:3]}:{shown[3:]}"


def address(name: str, first: date) -> str:
    return reverse(f"portal:{name}", args=[first.year, first.month])
