"""API keys: shown once, kept as a hash, found before a tenant is known, refused when ended."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tenants import keys
from tenants.context import acting_for, as_operator
from tenants.errors import UnknownScope
from tenants.models import ApiKey, AuditEvent, Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(acme):
    with acting_for(acme.id):
        return keys.create("integration")


def test_a_key_is_found_without_a_tenant(acme, key):
    row, secret = key
    found = keys.find(secret)
    assert (found.id, found.tenant_id, found.prefix) == (row.id, acme.id, row.prefix)
    assert found.scopes == set(keys.SCOPES)


def test_a_secret_is_long_begins_with_the_prefix_and_is_not_kept(acme, key):
    row, secret = key
    assert secret.startswith("vsm_live_") and len(secret) >= len("vsm_live_") + 43
    with acting_for(acme.id):
        kept = ApiKey.objects.values().get(id=row.id)
    assert secret not in str(kept)
    assert secret.startswith(kept["prefix"]) and len(kept["prefix"]) < 20


@pytest.mark.parametrize(
    "wrong", ["", "vsm_live_", "vsm_live_wrong", "Bearer", "vsm_live_\x00", "ü"]
)
def test_what_is_no_key_finds_nothing(key, wrong):
    assert keys.find(wrong) is None


def test_a_revoked_key_is_refused_from_the_next_request_on(acme, key):
    row, secret = key
    with acting_for(acme.id):
        first = keys.revoke(row.id).revoked_at
        assert keys.revoke(row.id).revoked_at == first
    assert keys.find(secret) is None


def test_an_expired_key_is_refused(acme):
    with acting_for(acme.id):
        _, over = keys.create("over", expires_at=timezone.now() - timedelta(seconds=1))
        _, soon = keys.create("soon", expires_at=timezone.now() + timedelta(minutes=1))
    assert keys.find(over) is None
    assert keys.find(soon) is not None


def test_the_keys_of_a_suspended_tenant_are_refused(acme, key):
    with as_operator("suspend"):
        Tenant.objects.filter(id=acme.id).update(suspended_at=timezone.now())
    assert keys.find(key[1]) is None


def test_another_tenants_key_cannot_be_revoked(acme, globex, key):
    with acting_for(globex.id), pytest.raises(ApiKey.DoesNotExist):
        keys.revoke(key[0].id)
    assert keys.find(key[1]) is not None


def test_a_scope_that_does_not_exist_is_refused_with_those_that_do(acme):
    with acting_for(acme.id), pytest.raises(UnknownScope, match="jobs:read"):
        keys.create("wrong", scopes=["jobs:everything"])


def test_use_is_noted_at_most_once_a_minute(acme, key):
    row, secret = key
    keys.find(secret)
    with acting_for(acme.id):
        first = ApiKey.objects.get(id=row.id).last_used_at
    keys.find(secret)
    with acting_for(acme.id):
        assert ApiKey.objects.get(id=row.id).last_used_at == first is not None


def test_making_and_revoking_a_key_is_in_the_audit_log_without_its_secret(acme, key):
    row, secret = key
    with acting_for(acme.id):
        keys.revoke(row.id)
        events = list(AuditEvent.objects.filter(subject=row.prefix).order_by("id"))
    assert [event.action for event in events] == ["api_key.created", "api_key.revoked"]
    assert secret not in str([event.details for event in events])
