"""Work, for the operator's eyes: jobs with their attempts, uploads, and what was used."""

from typing import ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.admin import UsageRecordAdmin
from billing.models import UsageRecord
from jobs import lifecycle
from jobs.errors import JobError
from jobs.models import Attempt, Job, Upload
from tenants.readonly import ReadOnlyAdmin, ReadOnlyInline


class AttemptsInline(ReadOnlyInline):
    model = Attempt
    fields = ["number", "worker", "stage", "percent", "started_at", "ended_at", "outcome"]


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """States change by operations alone; the only one that is offered here is cancel."""

    list_display = ["name", "tenant", "state", "percent", "phase", "created_at", "length", "error"]
    list_select_related = ["tenant", "video"]
    list_filter = ["state", "model_is_demo", "error_code", "tenant"]
    search_fields = ["id__endswith", "project", "submitted_by", "video__name"]
    search_help_text = "The end of an id, a project, a key's prefix or e-mail, a file's name."
    date_hierarchy = "created_at"
    inlines = [AttemptsInline]
    actions = ["cancel"]

    @admin.display(description="job", ordering="id")
    def name(self, job: Job) -> str:
        return f"…{job.short_id} {job.video.name}"

    @admin.display(description="result", ordering="result_seconds_numerator")
    def length(self, job: Job) -> str:
        return f"{float(job.result_seconds):.2f} s" if job.result_seconds is not None else ""

    @admin.display(description="error", ordering="error_code")
    def error(self, job: Job) -> str:
        return job.error_code

    @admin.action(description="Cancel the selected jobs")
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        for job in jobs:
            try:
                lifecycle.cancel(job.id, by=str(request.user))
            except JobError as refusal:
                messages.error(request, f"{job}: {refusal}")


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ["job", "number", "tenant", "worker", "started_at", "ended_at", "outcome"]
    list_display += ["error_code", "processing_seconds"]
    list_select_related = ["job", "tenant"]
    list_filter = ["outcome", "error_code", "tenant"]
    search_fields = ["job__id__endswith", "worker"]
    date_hierarchy = "started_at"


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ["name", "kind", "tenant", "size_bytes", "state", "created_at"]
    list_select_related = ["tenant"]
    list_filter = ["kind", "state", "tenant"]
    search_fields = ["id__endswith", "name"]
    date_hierarchy = "created_at"


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
