from fractions import Fraction
from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from jobs.models.upload import Upload
from tenants.managers import TenantManager
from tenants.models import TenantOwned


class State(models.TextChoices):
    VALIDATING = "validating"
    QUEUED = "queued"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELED})
UNFINISHED = (State.VALIDATING, State.QUEUED, State.PROCESSING)


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        # Not exclude(TERMINAL): the indexes of what is unfinished list the states like this.
        return self.filter(state__in=UNFINISHED)

    def waiting(self) -> "JobQuerySet":
        """Queued without a lane: admission has not let them into the queue yet."""
        return self.filter(state=State.QUEUED, lane__isnull=True)

    def runnable(self) -> "JobQuerySet":
        """Queued with a lane: a worker could take them now."""
        return self.filter(state=State.QUEUED, lane__isnull=False)


JobManager = TenantManager.from_queryset(JobQuerySet)


class Job(TenantOwned):
    """One voice onto one video.

    A lane is held from admission until the job has ended; `dispatch_number` counts how often it was
    sent to the queue and `fence` how often it was claimed. Both only grow, and an ended job never
    changes its state again: triggers see to it.
    """

    state = models.CharField(max_length=12, choices=State.choices, default=State.VALIDATING)
    phase = models.CharField(max_length=20, blank=True, help_text="What the worker is at.")
    percent = models.PositiveSmallIntegerField(default=0)
    video = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="+")
    audio = models.ForeignKey(Upload, on_delete=models.PROTECT, related_name="+")
    options = models.JSONField(default=dict)
    priority = models.SmallIntegerField(default=0, help_text="Higher goes first, within a tenant.")
    project = models.CharField(max_length=100, blank=True)
    consent_note = models.CharField(max_length=500, blank=True)
    submitted_by = models.CharField(max_length=200)
    api_key_id = models.UUIDField(null=True, blank=True)
    member_id = models.UUIDField(null=True, blank=True)

    idempotency_key = models.CharField(max_length=128, null=True, blank=True)  # noqa: DJ001
    request_sha256 = models.CharField(max_length=64, blank=True)

    fence = models.PositiveIntegerField(default=0)
    dispatch_number = models.PositiveIntegerField(default=0)
    dispatched_at = models.DateTimeField(null=True, blank=True)
    lane = models.PositiveSmallIntegerField(null=True, blank=True)
    unheard_since = models.DateTimeField(
        null=True, blank=True, help_text="Its messages have died since then; nobody began it."
    )
    dead_letters = models.PositiveIntegerField(
        default=0, db_default=0, help_text="How many of them, since somebody last heard of it."
    )
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField(
        null=True, blank=True, help_text="What has not ended by then has failed."
    )
    retry_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="retries"
    )

    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)

    result_key = models.CharField(max_length=200, blank=True)
    result_size_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    result_sha256 = models.CharField(max_length=64, blank=True)
    result_seconds_numerator = models.BigIntegerField(null=True, blank=True)
    result_seconds_denominator = models.BigIntegerField(null=True, blank=True)
    result_facts = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    model_label = models.CharField(max_length=100, blank=True)
    model_is_demo = models.BooleanField(default=False)

    objects: ClassVar[JobManager] = JobManager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="job_state_is_known"),
            models.UniqueConstraint(fields=["tenant", "id"], name="a_job_has_one_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="one_job_an_idempotency_key",
            ),
            models.UniqueConstraint(fields=["tenant", "retry_of"], name="one_retry_a_job"),
            models.UniqueConstraint(
                fields=["tenant", "lane"],
                condition=Q(lane__isnull=False),
                name="one_job_a_lane",
            ),
            models.CheckConstraint(
                condition=Q(lane__isnull=True) | Q(state__in=[State.QUEUED, State.PROCESSING]),
                name="only_admitted_jobs_hold_a_lane",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.PROCESSING) | Q(lane__isnull=False),
                name="a_processing_job_holds_a_lane",
            ),
            models.CheckConstraint(
                condition=(
                    Q(state__in=sorted(TERMINAL), finished_at__isnull=False)
                    | (~Q(state__in=sorted(TERMINAL)) & Q(finished_at__isnull=True))
                ),
                name="what_ended_has_an_end",
            ),
            models.CheckConstraint(
                condition=(
                    Q(
                        state=State.SUCCEEDED,
                        result_size_bytes__isnull=False,
                        result_seconds_numerator__gt=0,
                        result_seconds_denominator__gt=0,
                    )
                    & ~Q(result_key="")
                )
                | (~Q(state=State.SUCCEEDED) & Q(result_key="")),
                name="only_success_has_a_result",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.FAILED) | ~Q(error_code=""), name="a_failure_has_a_code"
            ),
            models.CheckConstraint(condition=Q(percent__lte=100), name="percent_is_at_most_100"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="a_tenants_jobs"),
            models.Index(
                fields=["tenant", "-priority", "queued_at", "id"],
                condition=Q(state="queued", lane__isnull=True),
                name="jobs_in_line_for_a_lane",
            ),
            models.Index(
                fields=["tenant", "state"],
                condition=Q(state__in=["validating", "queued", "processing"]),
                name="jobs_unfinished_by_tenant",
            ),
            # What the reconciler asks for: those that wait for a lane are not in these.
            models.Index(
                fields=["dispatched_at"],
                condition=Q(state="queued", lane__isnull=False),
                name="dispatches_unheard",
            ),
            models.Index(
                fields=["dispatched_at"],
                condition=Q(state="validating"),
                name="probes_unheard",
            ),
            models.Index(
                fields=["deadline"],
                condition=Q(
                    state__in=["validating", "queued", "processing"], deadline__isnull=False
                ),
                name="deadlines_that_may_pass",
            ),
        ]

    def __str__(self) -> str:
        return f"job …{self.short_id}"

    @property
    def short_id(self) -> str:
        """A UUIDv7 begins with the time: its end is what tells two jobs apart."""
        return str(self.id)[-8:]

    @property
    def is_final(self) -> bool:
        return self.state in TERMINAL

    @property
    def retried_by(self) -> "Job | None":
        """The job that was made in its place after it had failed."""
        return self.retries.first()

    @property
    def result_seconds(self) -> Fraction | None:
        """Exact length of the delivered picture."""
        if self.result_seconds_numerator is None or self.result_seconds_denominator is None:
            return None
        return Fraction(self.result_seconds_numerator, self.result_seconds_denominator)
