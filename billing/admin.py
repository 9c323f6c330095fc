"""The ledger, for the operator's eyes. The app above registers it with columns of its own."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import DecimalField, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse

from billing import ledger
from billing.models import UsageRecord
from tenants.readonly import ReadOnlyAdmin

NUMBER: Any = DecimalField(max_digits=30, decimal_places=6)


class UsageRecordAdmin(ReadOnlyAdmin):
    """Nothing is typed in here: the database refuses it too. Above the list stand its totals.

    `told` names what a row shows besides, and `summed` what is added up besides the quantity, each
    as (heading, column, key in its JSON).
    """

    list_display = ["occurred_at", "tenant", "metric", "shown_quantity"]
    list_select_related = ["tenant"]
    list_filter = ["tenant", "metric", "unit", ("corrects", admin.EmptyFieldListFilter)]
    search_fields = ["event_id", "source_id"]
    date_hierarchy = "occurred_at"
    change_list_template = "admin/billing/usagerecord/change_list.html"
    told: ClassVar[list[tuple[str, str, str]]] = []
    summed: ClassVar[list[tuple[str, str, str]]] = []

    def get_list_display(self, request: HttpRequest) -> Any:
        return [*super().get_list_display(request), *(_shown(*each) for each in self.told)]

    @admin.display(description="quantity", ordering="quantity_numerator")
    def shown_quantity(self, record: UsageRecord) -> str:
        return f"{float(record.quantity):,.3f} {record.unit}"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        shown = getattr(response, "context_data", None) or {}
        if isinstance(shown.get("cl"), ChangeList):
            shown["totals"] = self.totals(shown["cl"].queryset)
        return response

    def totals(self, records: QuerySet[UsageRecord]) -> list[tuple[str, str]]:
        """Of everything that the filters let through, on all pages."""
        rows = [("records", f"{records.count():,}")]
        for metric, unit in records.order_by().values_list("metric", "unit").distinct():
            quantity = ledger.total(records.filter(metric=metric, unit=unit))
            rows.append((metric.replace("_", " "), f"{float(quantity):,.3f} {unit}"))
        for heading, column, key in self.summed:
            rows.append((heading, f"{_sum(records, column, key).normalize():,f}"))
        return rows


def _shown(heading: str, column: str, key: str) -> Callable[[UsageRecord], Any]:
    @admin.display(description=heading)
    def value(record: UsageRecord) -> Any:
        return getattr(record, column).get(key)

    return value


def _sum(records: QuerySet[UsageRecord], column: str, key: str) -> Decimal:
    number = Cast(KeyTextTransform(key, column), NUMBER)
    return records.order_by().aggregate(sum=Sum(number))["sum"] or Decimal(0)
