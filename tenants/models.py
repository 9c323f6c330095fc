"""Who: people, tenants, what binds them, and what each tenant may do at most."""

from typing import ClassVar
from zoneinfo import available_timezones

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from messaging.ids import new_id
from tenants.managers import TenantManager, UserManager

GIB = 1 << 30


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in. Belongs to no tenant by itself: memberships do that."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May use the operator's admin.")
    created_at = models.DateTimeField(db_default=Now())

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="email_is_lower_case")
        ]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        return self.name or self.email


def check_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is no IANA time zone, such as Europe/Berlin.")


class Tenant(models.Model):
    """A client of the operator. Its month, for billing, is that of `time_zone`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=150)
    slug = models.SlugField(max_length=60, unique=True)
    time_zone = models.CharField(max_length=60, default="UTC", validators=[check_time_zone])
    suspended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TenantOwned(models.Model):
    """Base of every table whose rows belong to one tenant. Its migration must `rls.protect` it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = TenantManager()

    class Meta:
        abstract = True


class Role(models.TextChoices):
    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    FINANCE = "finance"
    VIEWER = "viewer"


class Membership(TenantOwned):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="one_membership_a_person"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} as {self.role}"


class ApiKey(TenantOwned):
    """A secret of which only the hash is kept. `prefix` is what people tell keys apart by."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=24)
    secret_sha256 = models.BinaryField(max_length=32, unique=True)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Limits(models.Model):
    """What one tenant may do at once or at most. Prices never change these."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE)
    jobs_at_once = models.PositiveSmallIntegerField(
        default=2, validators=[MinValueValidator(1)], help_text="How many lanes the tenant has."
    )
    jobs_waiting = models.PositiveIntegerField(default=1000)
    upload_bytes = models.PositiveBigIntegerField(default=2 * GIB)
    video_seconds = models.PositiveIntegerField(default=1800)
    requests_per_minute = models.PositiveIntegerField(default=600)

    objects = TenantManager()

    class Meta:
        verbose_name_plural = "limits"
        constraints = [
            models.CheckConstraint(condition=Q(jobs_at_once__gte=1), name="a_tenant_has_a_lane")
        ]

    def __str__(self) -> str:
        return f"limits of {self.tenant_id}"


class RequestCount(models.Model):
    """The API requests of one tenant in one minute; written by tenants/rates.py alone."""

    tenant = models.OneToOneField(Tenant, primary_key=True, on_delete=models.CASCADE)
    minute = models.DateTimeField()
    used = models.PositiveIntegerField()

    objects = TenantManager()

    def __str__(self) -> str:
        return f"{self.used} requests of {self.tenant_id}"


class AuditEvent(TenantOwned):
    """Who did what, for the tenant's own eyes too. Never changed, never deleted."""

    actor = models.CharField(max_length=200, help_text="A person's e-mail or a key's prefix.")
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=120)
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"
