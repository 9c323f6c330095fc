"""Tenants and the people in them."""

import secrets
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils.text import slugify

from tenants import audit
from tenants.errors import EmailTaken, SlugTaken, UnknownTenant
from tenants.managers import UserManager
from tenants.models import Limits, Membership, Role, Tenant, User, check_time_zone

# What a person may do in the portal, by role. Finance sees the bill and no pictures.
MAY_MAKE_JOBS = frozenset({Role.OWNER, Role.ADMIN, Role.DEVELOPER})
MAY_SEE_JOBS = MAY_MAKE_JOBS | {Role.VIEWER}
MAY_MANAGE_KEYS = frozenset({Role.OWNER, Role.ADMIN, Role.DEVELOPER})
MAY_SEE_USAGE = frozenset({Role.OWNER, Role.ADMIN, Role.FINANCE})


@dataclass(frozen=True)
class Belonging:
    """One membership of a person, as found before any tenant is acted for."""

    tenant_id: UUID
    tenant_name: str
    tenant_slug: str
    time_zone: str
    role: str


def memberships_of(user_id: UUID) -> list[Belonging]:
    """The tenants of a person, by name; suspended ones are left out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM memberships_of(%s)", [user_id])
        return [Belonging(*row) for row in cursor.fetchall()]


@transaction.atomic
def create_tenant(name: str, *, time_zone: str = "UTC", slug: str = "") -> Tenant:
    """A tenant with default limits. Inside as_operator(). Raises SlugTaken, ValidationError."""
    check_time_zone(time_zone)
    slug = slug or slugify(name) or "tenant"
    if Tenant.objects.filter(slug=slug).exists():
        raise SlugTaken(slug)
    tenant = Tenant.objects.create(name=name, slug=slug, time_zone=time_zone)
    Limits.objects.create(tenant=tenant)
    audit.note("tenant.created", name, tenant_id=tenant.id)
    return tenant


@transaction.atomic
def add_member(tenant: Tenant, email: str, role: str) -> tuple[Membership, str | None]:
    """Let a person into a tenant: the membership, and a password if the person is new.

    Raises EmailTaken.
    """
    email = UserManager.normalize_email(email)
    password = None
    user = User.objects.filter(email=email).first()
    if user is None:
        password = secrets.token_urlsafe(12)
        user = User.objects.create_user(email, password)
    try:
        with transaction.atomic():
            membership = Membership.objects.create(tenant=tenant, user=user, role=role)
    except IntegrityError:
        raise EmailTaken(email) from None
    audit.note("member.added", email, tenant_id=tenant.id, role=role)
    return membership, password


def find_tenant(named: str) -> Tenant:
    """By slug, id or the id's last characters. Inside as_operator(). Raises UnknownTenant."""
    for tenant in Tenant.objects.all():
        if named == tenant.slug or (len(named) >= 8 and str(tenant.id).endswith(named)):
            return tenant
    raise UnknownTenant(named)
