"""Tenants and the people in them."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.utils import DatabaseError
from django.utils import timezone

from tenants import audit, people
from tenants.context import acting_for, as_operator
from tenants.errors import EmailTaken, SlugTaken, UnknownTenant
from tenants.models import AuditEvent, Limits, Membership, Tenant, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    with as_operator("a test"):
        yield


def test_a_tenant_begins_with_limits(operator):
    tenant = people.create_tenant("Wayne Films", time_zone="Europe/Berlin")
    assert (tenant.slug, tenant.limits.jobs_at_once) == ("wayne-films", 2)


def test_two_tenants_cannot_have_one_slug(operator):
    people.create_tenant("Wayne Films")
    with pytest.raises(SlugTaken, match="wayne-films"):
        people.create_tenant("Wayne Films")


def test_a_time_zone_must_exist(operator):
    with pytest.raises(ValidationError, match="Mars"):
        people.create_tenant("Mars Ltd", time_zone="Mars/Olympus")


def test_a_name_without_a_letter_still_gives_a_slug(operator):
    assert people.create_tenant("+++").slug == "tenant"


def test_a_new_member_gets_a_password_and_a_known_person_none(acme, globex, operator):
    _, password = people.add_member(acme, "Jo@Example.com", "owner")
    _, second = people.add_member(globex, "jo@example.com", "viewer")
    assert User.objects.get(email="jo@example.com").check_password(password)
    assert second is None
    assert len(password) == 16 and password.isascii() and password.isalnum()


def test_a_person_is_a_member_once(acme, operator):
    people.add_member(acme, "jo@example.com", "owner")
    with pytest.raises(EmailTaken):
        people.add_member(acme, "JO@example.com", "viewer")
    assert Membership.objects.count() == 1


def test_memberships_are_found_before_a_tenant_is_known(acme, globex):
    with as_operator("a test"):
        user = people.add_member(globex, "jo@example.com", "viewer")[0].user
        people.add_member(acme, "jo@example.com", "owner")
        people.add_member(acme, "other@example.com", "owner")
    found = people.memberships_of(user.id)
    assert [(b.tenant_id, b.role) for b in found] == [(acme.id, "owner"), (globex.id, "viewer")]


def test_a_suspended_tenant_is_no_place_to_sign_in_to(acme):
    with as_operator("a test"):
        user = people.add_member(acme, "jo@example.com", "owner")[0].user
        Tenant.objects.filter(id=acme.id).update(suspended_at=timezone.now())
    assert people.memberships_of(user.id) == []


def test_a_tenant_is_found_by_slug_and_by_the_end_of_its_id(acme, operator):
    assert people.find_tenant("acme") == acme
    assert people.find_tenant(str(acme.id)[-8:]) == acme
    with pytest.raises(UnknownTenant, match="tenants list"):
        people.find_tenant("nobody")


def test_the_database_refuses_a_tenant_without_a_lane(acme, operator):
    with pytest.raises(IntegrityError, match="a_tenant_has_a_lane"), transaction.atomic():
        Limits.objects.filter(tenant=acme).update(jobs_at_once=0)


def test_the_database_refuses_a_role_that_does_not_exist(acme, operator):
    people.add_member(acme, "jo@example.com", "owner")
    with pytest.raises(IntegrityError, match="role_is_known"), transaction.atomic():
        Membership.objects.update(role="emperor")


def test_the_audit_log_is_never_changed(acme):
    with acting_for(acme.id):
        event = audit.note("job.canceled", "a job", by="vsm_live_abc")
        for change in (
            lambda: AuditEvent.objects.filter(id=event.id).update(action="nothing"),
            lambda: AuditEvent.objects.filter(id=event.id).delete(),
        ):
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                change()
