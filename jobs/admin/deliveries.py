from typing import ClassVar

from django.contrib import admin

from billing.admin import UsageRecordAdmin
from billing.models import UsageRecord


@admin.register(UsageRecord)
class DeliveriesAdmin(UsageRecordAdmin):
    """The guide's lists G19 and G20 as columns; G21 is the tenant's and the month's filter."""

    list_display = [*UsageRecordAdmin.list_display, "source"]
    told: ClassVar[list[tuple[str, str, str]]] = [
        ("processing s", "costs", "processing_seconds"),
        ("GPU hours", "costs", "gpu_hours"),
        ("output bytes", "measures", "output_bytes"),
        ("steps", "measures", "steps"),
    ]
    summed: ClassVar[list[tuple[str, str, str]]] = [
        ("GPU seconds", "costs", "gpu_seconds"),
        ("processing seconds", "costs", "processing_seconds"),
        ("input bytes", "measures", "input_bytes"),
        ("output bytes", "measures", "output_bytes"),
    ]

    @admin.display(description="input")
    def source(self, record: UsageRecord) -> str:
        told = record.measures
        megabytes = f"{told.get('input_megabytes')} MB"
        if not told.get("input_width"):
            return megabytes
        size = f"{told['input_width']}×{told['input_height']}"
        return f"{size}, {told.get('input_frames')} frames, {megabytes}"
