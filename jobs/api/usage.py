"""What was delivered, by month."""

import re
from datetime import date
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import reports
from jobs.api.authentication import caller
from jobs.api.documenting import answered, documented
from jobs.api.endpoint import Endpoint, bad_parameter
from jobs.api.serializers import UsageMonth
from tenants.context import acting_for
from tenants.models import Tenant

MONTH = re.compile(r"(2\d{3})-(0[1-9]|1[0-2])")


class Usage(Endpoint):
    scopes: ClassVar[dict[str, str]] = {"GET": "usage:read"}
    parameters: ClassVar[frozenset[str]] = frozenset({"month"})

    @documented(
        "get_usage",
        "See a month's usage",
        {200: answered(UsageMonth, "The month, and each of its days.")},
        subject="usage",
        problems=(400,),
        parameters=[OpenApiParameter("month", str, description="YYYY-MM; the present one if not.")],
    )
    def get(self, request: Request) -> Response:
        """What was delivered in a month, by day of the tenant's time zone.

        Only videos that were delivered count; failed and canceled jobs never do.
        """
        asked = request.query_params.get("month")
        with acting_for(caller(request).tenant_id):
            zone = ZoneInfo(Tenant.objects.get(id=caller(request).tenant_id).time_zone)
            month = reports.month_of_usage(first_of(asked, zone), zone)
        facts = {
            "month": f"{month.first:%Y-%m}",
            "time_zone": zone.key,
            "total": month.total,
            "stored_bytes": month.stored_bytes,
            "days": month.days,
        }
        return Response(UsageMonth(facts).data)


def first_of(asked: str | None, zone: ZoneInfo) -> date:
    if asked is None:
        return timezone.now().astimezone(zone).date().replace(day=1)
    if (found := MONTH.fullmatch(asked)) is None:
        raise bad_parameter("month", "bad_month", "A month is written like 2026-07.")
    return date(int(found[1]), int(found[2]), 1)
