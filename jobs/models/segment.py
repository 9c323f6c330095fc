from django.db import models

from jobs.models.attempt import Attempt
from jobs.models.job import Job
from tenants.models import TenantOwned


class Segment(TenantOwned):
    """A finished piece of the picture, kept so that the next attempt goes on behind it.

    `number` counts from 0 in the order of time; a piece that is made again takes the place of the
    older one. The rows go with the job's end: from then on nobody owns their files. They cost a
    job nothing but time when they are missing.
    """

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="segments")
    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="segments")
    number = models.PositiveIntegerField()
    key = models.CharField(max_length=200, help_text="The piece of film, in the output storage.")
    record_key = models.CharField(max_length=200, help_text="What the engine noted beside it.")
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["job", "number"]
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="one_segment_a_number"),
            models.CheckConstraint(
                condition=~models.Q(key="") & ~models.Q(record_key=""),
                name="a_segment_has_its_files",
            ),
        ]

    def __str__(self) -> str:
        return f"segment {self.number} of {self.job_id}"
