"""Tenants and the people in them."""

import secrets
import string
from dataclasses import dataclass
from uuid import UUID

from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.utils.text import slugify

from tenants import audit
from tenants.errors import EmailTaken, LastOwner, SlugTaken, UnknownTenant
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

    Raises EmailTaken; ValidationError for what is no e-mail address, which nobody could sign in by.
    """
    validate_email(email)
    email = UserManager.normalize_email(email)
    password = None
    user = User.objects.filter(email=email).first()
    if user is None:
        password = _first_password()
        user = User.objects.create_user(email, password)
    try:
        with transaction.atomic():
            membership = Membership.objects.create(tenant=tenant, user=user, role=role)
    except IntegrityError:
        raise EmailTaken(email) from None
    audit.note("member.added", email, tenant_id=tenant.id, role=role)
    return membership, password


def _first_password() -> str:
    """95 bits. A dash in front would read as an option, and a double click marks all of this."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(16))


@transaction.atomic
def change_role(membership_id: UUID, role: str, *, by: User) -> Membership:
    """From the next request on the person may do what the role may.

    Raises Membership.DoesNotExist, LastOwner, ValueError for a role that there isn't.
    """
    membership = _locked(membership_id)
    before, membership.role = membership.role, Role(role)
    if before == membership.role:
        return membership
    _refuse_last_owner(membership, before)
    membership.save(update_fields=["role"])
    told = {"before": before, "after": str(membership.role)}
    audit.note(
        "member.role_changed", membership.user.email, by=by, tenant_id=membership.tenant_id, **told
    )
    return membership


@transaction.atomic
def remove_member(membership_id: UUID, *, by: User) -> None:
    """From the next request on the person is none of the tenant's. Their account stays.

    Raises Membership.DoesNotExist, LastOwner.
    """
    membership = _locked(membership_id)
    _refuse_last_owner(membership, membership.role)
    membership.delete()
    audit.note("member.removed", membership.user.email, by=by, tenant_id=membership.tenant_id)


def is_last_owner(membership: Membership) -> bool:
    owners = Membership.objects.filter(tenant_id=membership.tenant_id, role=Role.OWNER)
    return owners.filter(id=membership.id).exists() and owners.count() == 1


def _locked(membership_id: UUID) -> Membership:
    """The tenant's row is locked first: of two owners who remove each other, one stays."""
    membership = Membership.objects.select_related("user").get(id=membership_id)
    Tenant.objects.select_for_update().get(id=membership.tenant_id)
    membership.refresh_from_db(fields=["role"])
    return membership


def _refuse_last_owner(membership: Membership, role: str) -> None:
    if role == Role.OWNER and is_last_owner(membership):
        raise LastOwner(membership.user.email)


def find_tenant(named: str) -> Tenant:
    """By slug, id or the id's last characters. Inside as_operator(). Raises UnknownTenant."""
    for tenant in Tenant.objects.all():
        if named == tenant.slug or (len(named) >= 8 and str(tenant.id).endswith(named)):
            return tenant
    raise UnknownTenant(named)
