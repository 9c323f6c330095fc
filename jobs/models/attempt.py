from django.db import models
from django.db.models import Q

from jobs.models.job import Job
from tenants.models import TenantOwned


class Outcome(models.TextChoices):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RELEASED = "released"
    LOST = "lost"
    CANCELED = "canceled"
    EXPIRED = "expired"


class Attempt(TenantOwned):
    """One worker's try at a job. Alive while `ended_at` is empty and the lease has not run out.

    Every later write names the fence; the lease is in database time. What has ended never changes
    again: a trigger sees to it.
    """

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    fence = models.PositiveIntegerField()
    worker = models.CharField(max_length=200, help_text="A name that is new at each start.")
    lease_expires_at = models.DateTimeField()
    stage = models.CharField(max_length=20, blank=True)
    percent = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    processing_seconds = models.DecimalField(max_digits=12, decimal_places=3, null=True, blank=True)

    class Meta:
        ordering = ["job", "number"]
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="attempts_are_numbered"),
            models.UniqueConstraint(fields=["job", "fence"], name="one_attempt_a_fence"),
            models.UniqueConstraint(fields=["job", "id"], name="an_attempt_has_one_job"),
            models.UniqueConstraint(
                fields=["job"], condition=Q(ended_at__isnull=True), name="one_live_attempt_a_job"
            ),
            models.CheckConstraint(
                condition=(
                    Q(ended_at__isnull=True, outcome="")
                    | (Q(ended_at__isnull=False) & Q(outcome__in=Outcome.values))
                ),
                name="an_ended_attempt_has_an_outcome",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_expires_at"],
                condition=Q(ended_at__isnull=True),
                name="leases_that_may_run_out",
            ),
            models.Index(fields=["tenant", "ended_at"], name="attempts_by_their_end"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} at {self.job_id}"
