"""What was delivered: by tenant for a month, or by day for one tenant."""

import csv
import re
from collections.abc import Iterable
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from jobs import reports
from jobs.reports import Usage
from tenants import people
from tenants.context import acting_for, as_operator
from tenants.errors import TenantError
from tenants.management.tables import table
from tenants.models import Tenant

COLUMNS = ["videos", "output seconds", "gpu hours", "output bytes"]


class Command(BaseCommand):
    help = "Report the usage of a month, each tenant's by its own time zone."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        report = verbs.add_parser("report")
        report.add_argument("--month", metavar="YYYY-MM", help="the present one if not given")
        report.add_argument("--tenant", help="this one alone, day by day")
        report.add_argument("--csv", action="store_true")

    def handle(self, *_: Any, **given: Any) -> None:
        first = first_of(given["month"])
        try:
            head, rows = by_day(given["tenant"], first) if given["tenant"] else by_tenant(first)
        except TenantError as refusal:
            raise CommandError(str(refusal)) from None
        if given["csv"]:
            csv.writer(self.stdout, lineterminator="\n").writerows([head, *rows])
        else:
            self.stdout.write(table(head, rows))


def by_tenant(first: date) -> tuple[list[str], list[list[object]]]:
    with as_operator("usage report"):
        tenants = list(Tenant.objects.all())
    months = [(tenant, _month(tenant, first)) for tenant in tenants]
    rows = [[tenant.slug, *_cells(month.total)] for tenant, month in months]
    return ["tenant", *COLUMNS], [*rows, ["all", *_sums(month.total for _, month in months)]]


def by_day(named: str, first: date) -> tuple[list[str], list[list[object]]]:
    with as_operator("find a tenant by its name"):
        tenant = people.find_tenant(named)
    month = _month(tenant, first)
    rows = [[f"{usage.day}", *_cells(usage)] for usage in month.days]
    return ["day", *COLUMNS], [*rows, ["all", *_cells(month.total)]]


def first_of(month: str | None) -> date:
    if month is None:
        return timezone.now().date().replace(day=1)
    if re.fullmatch(r"2\d{3}-(0[1-9]|1[0-2])", month) is None:
        raise CommandError(f"{month!r} is no month; write it like 2026-07.")
    return date.fromisoformat(f"{month}-01")


def _month(tenant: Tenant, first: date) -> reports.Month:
    with acting_for(tenant.id):
        return reports.month_of_usage(first, ZoneInfo(tenant.time_zone))


def _cells(usage: Usage) -> list[object]:
    return [
        usage.videos,
        f"{float(usage.output_seconds):.3f}",
        f"{usage.gpu_hours:.6f}",
        usage.output_bytes,
    ]


def _sums(usages: Iterable[Usage]) -> list[object]:
    whole = Usage()
    for usage in usages:
        whole.videos += usage.videos
        whole.output_seconds += usage.output_seconds
        whole.gpu_seconds += usage.gpu_seconds
        whole.output_bytes += usage.output_bytes
    return _cells(whole)
