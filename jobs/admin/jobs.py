"""States change by operations alone; those that an operator may ask for are the actions here."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from jobs import dispatches, redriving
from jobs.admin.confirming import confirmed
from jobs.admin.tables import moment, when, written
from jobs.models import Attempt, Job, Segment
from jobs.operating import Done, cancel_all, redrive_all
from jobs.waiting import waits_of
from messaging.models import OutboxMessage
from tenants.readonly import ReadOnlyAdmin, ReadOnlyInline

MESSAGES_SHOWN = 20


STARTED, ENDED, LEASE = map(moment, ("started_at", "ended_at", "lease_expires_at"))
CREATED, QUEUED, FINISHED = map(moment, ("created_at", "queued_at", "finished_at"))
DEADLINE, UNHEARD, CANCEL = map(moment, ("deadline", "unheard_since", "cancel_requested_at"))
MOMENTS = [CREATED, QUEUED, STARTED, FINISHED, DEADLINE, UNHEARD, CANCEL]


class AttemptsInline(ReadOnlyInline):
    model = Attempt
    fields = ["number", "worker", "phase", "percent", STARTED, LEASE, ENDED]
    fields += ["outcome", "error_code"]
    readonly_fields = ["phase", STARTED, LEASE, ENDED]

    @admin.display(description="phase")
    def phase(self, attempt: Attempt) -> str:
        return attempt.stage or "-"


class SegmentsInline(ReadOnlyInline):
    model = Segment
    verbose_name_plural = "segments that the next attempt goes on from"
    fields = ["number", "attempt", "size_bytes", CREATED]
    readonly_fields = ["number", "attempt", "size_bytes", CREATED]
    show_change_link = False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["name", "tenant", "state", "percent", "phase", "created_at", "length", "error"]
    list_select_related = ["tenant", "video"]
    list_filter = ["state", "model_is_demo", "error_code", "tenant"]
    search_fields = ["id__endswith", "project", "submitted_by", "video__name"]
    search_help_text = "The end of an id, a project, a key's prefix or e-mail, a file's name."
    date_hierarchy = "created_at"
    inlines = [AttemptsInline, SegmentsInline]
    actions = ["redrive", "cancel"]
    readonly_fields = ["waits_for", "sent_at", "messages_sent", "its_retry", "demo", *MOMENTS]
    fieldsets = [
        (
            None,
            {
                "description": "All times on this page are UTC.",
                "fields": ["id", "tenant", ("state", "phase", "percent"), "waits_for"],
            },
        ),
        (
            "What was asked for",
            {
                "fields": [
                    ("video", "audio"),
                    "options",
                    ("priority", DEADLINE),
                    ("project", "submitted_by"),
                    "consent_note",
                    (CREATED, QUEUED),
                    (STARTED, FINISHED),
                ]
            },
        ),
        (
            "Messages",
            {
                "fields": [
                    ("dispatch_number", "sent_at"),
                    ("dead_letters", UNHEARD),
                    ("lane", "fence", CANCEL),
                    "messages_sent",
                ]
            },
        ),
        (
            "End",
            {
                "fields": [
                    "error_code",
                    "error_message",
                    "error_hint",
                    ("retry_of", "its_retry"),
                    ("model_label", "demo"),
                    "result_key",
                    ("result_size_bytes", "result_sha256"),
                    "result_facts",
                ]
            },
        ),
    ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        job = self.get_object(request, object_id)
        verbs = _verbs(job) if job and self.has_operate_permission(request) else []
        return super().change_view(request, object_id, form_url, {"verbs": verbs})

    @admin.display(description="job", ordering="id")
    def name(self, job: Job) -> str:
        return f"…{job.short_id} {job.video.name}"

    @admin.display(description="result", ordering="result_seconds_numerator")
    def length(self, job: Job) -> str:
        return f"{float(job.result_seconds):.2f} s" if job.result_seconds is not None else ""

    @admin.display(description="error", ordering="error_code")
    def error(self, job: Job) -> str:
        return job.error_code

    @admin.display(description="waits for")
    def waits_for(self, job: Job) -> str:
        return waits_of([job])[job.id].reason or "-"

    @admin.display(description="dispatched at")
    def sent_at(self, job: Job) -> str:
        """Of its own message; while its files are looked at, the moment is the question's."""
        return (when(job.dispatched_at) if job.dispatch_number else "") or "-"

    @admin.display(description="model is demo")
    def demo(self, job: Job) -> str:
        """Which model it was is known when it has made something."""
        if not job.model_label:
            return "-"
        return "yes" if job.model_is_demo else "no"

    @admin.display(description="its retry")
    def its_retry(self, job: Job) -> SafeString | str:
        if (again := job.retried_by) is None:
            return "-"
        place = reverse("admin:jobs_job_change", args=[again.id])
        return format_html('<a href="{}">{}</a>', place, again)

    @admin.display(description="messages of the last week")
    def messages_sent(self, job: Job) -> SafeString | str:
        newest = dispatches.of(job).order_by("-id")[:MESSAGES_SHOWN]
        rows = [
            [m.actor, m.dedup_id or "", *_times(m), m.send_attempts, m.last_error] for m in newest
        ]
        return written(["for", "number", "written", "not before", "sent", "tries", "error"], rows)

    @admin.action(description="Redrive the selected jobs", permissions=["operate"])
    def redrive(self, request: HttpRequest, jobs: QuerySet[Job]) -> HttpResponse | None:
        def tell(ids: Sequence[UUID], dry_run: bool) -> list[Done]:
            return redrive_all(ids, by=str(request.user), dry_run=dry_run)

        return confirmed(self, request, jobs, verb="redrive", tell=tell)

    @admin.action(description="Cancel the selected jobs", permissions=["operate"])
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> HttpResponse | None:
        def tell(ids: Sequence[UUID], dry_run: bool) -> list[Done]:
            return cancel_all(ids, by=str(request.user), dry_run=dry_run)

        return confirmed(self, request, jobs, verb="cancel", tell=tell)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """To act on jobs takes what would be needed to change them; looking takes less."""
        return request.user.has_perm("jobs.change_job")


def _times(message: OutboxMessage) -> Iterator[str]:
    return map(when, (message.created_at, message.not_before, message.sent_at))


def _verbs(job: Job) -> list[str]:
    """What may be asked for on its page."""
    redrive = ["redrive"] if redriving.may_help(job) else []
    return redrive if job.is_final else [*redrive, "cancel"]
