from django.db import models
from django.db.models import Q

from tenants.models import TenantOwned


class UploadKind(models.TextChoices):
    VIDEO = "video"
    AUDIO = "audio"


class UploadState(models.TextChoices):
    OPEN = "open"
    READY = "ready"
    ABORTED = "aborted"


class Upload(TenantOwned):
    """One file of a tenant. Its key is ours; `name` is the tenant's and never becomes a path.

    The size is fixed at the start and checked at completion. `media_info` is what the probe saw;
    `preview_key` is there where a browser can't play the file itself.
    """

    kind = models.CharField(max_length=10, choices=UploadKind.choices)
    name = models.CharField(max_length=255)
    size_bytes = models.PositiveBigIntegerField()
    part_bytes = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=UploadState.choices, default=UploadState.OPEN)
    key = models.CharField(max_length=200, unique=True)
    multipart_id = models.CharField(max_length=300, blank=True, help_text="S3's id of the upload.")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of files sent by a form.")
    completed_at = models.DateTimeField(null=True, blank=True)
    media_info = models.JSONField(null=True, blank=True)
    poster_key = models.CharField(max_length=200, blank=True)
    preview_key = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="an_upload_has_one_tenant"),
            models.CheckConstraint(
                condition=Q(kind__in=UploadKind.values), name="upload_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=UploadState.values), name="upload_state_is_known"
            ),
            models.CheckConstraint(condition=Q(size_bytes__gt=0), name="an_upload_has_bytes"),
            models.CheckConstraint(
                condition=~Q(state="ready") | Q(completed_at__isnull=False),
                name="a_ready_upload_was_completed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def part_count(self) -> int:
        return -(-self.size_bytes // self.part_bytes)

    def size_of_part(self, number: int) -> int:
        """Parts count from 1; the last one is what remains."""
        return min(self.part_bytes, self.size_bytes - (number - 1) * self.part_bytes)
