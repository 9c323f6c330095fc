from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tenants import keys, people
from tenants.context import acting_for, as_operator
from tenants.models import AuditEvent, Limits, User

pytestmark = pytest.mark.django_db


def tenants(*words: str) -> str:
    out = StringIO()
    call_command("tenants", *words, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def acme_tenant():
    tenants("create", "Acme Studios", "--owner", "Owner@Acme.example", "--time-zone", "Asia/Tokyo")
    with as_operator("test"):
        return people.find_tenant("acme-studios")


def test_a_tenant_is_made_with_an_owner_who_can_sign_in(acme_tenant):
    user = User.objects.get(email="owner@acme.example")
    (belonging,) = people.memberships_of(user.id)
    assert (belonging.tenant_slug, belonging.role) == ("acme-studios", "owner")
    assert belonging.time_zone == "Asia/Tokyo"
    assert "acme-studios" in tenants("list")


def test_the_password_of_a_new_owner_is_told_and_right():
    said = tenants("create", "Acme", "--owner", "a@acme.example")
    password = said.rsplit("password ", 1)[1].strip()
    assert User.objects.get(email="a@acme.example").check_password(password)
    again = tenants("create", "Beta", "--owner", "a@acme.example")
    assert "with the password that they have" in again


def test_what_is_refused_leaves_nothing_behind(acme_tenant):
    with pytest.raises(CommandError, match="no IANA time zone"):
        tenants("create", "Beta", "--owner", "b@beta.example", "--time-zone", "Mars/Base")
    with pytest.raises(CommandError, match="already"):
        tenants("create", "Acme Studios", "--owner", "b@beta.example")
    assert not User.objects.filter(email="b@beta.example").exists()


@pytest.mark.parametrize("owner", ["notmail", "a@", "a b@beta.example", ""])
def test_an_owner_who_could_not_sign_in_is_refused_and_no_tenant_stays(owner):
    with pytest.raises(CommandError, match="email address"):
        tenants("create", "Beta", "--owner", owner)
    assert "beta" not in tenants("list")
    assert not User.objects.exists()


def test_a_key_is_made_listed_and_revoked(acme_tenant):
    secret = tenants("key", "create", "acme-studios", "ci", "--scope", "jobs:read").strip()
    assert keys.find(secret).scopes == {"jobs:read"}
    assert secret[:15] in tenants("key", "list", "acme-studios")
    tenants("key", "revoke", "acme-studios", secret[:15])
    assert keys.find(secret) is None
    assert "revoked" in tenants("key", "list", "acme-studios")


def test_limits_are_set_and_who_set_them_is_noted(acme_tenant):
    said = tenants("limits", "acme-studios", "--jobs-at-once", "5")
    assert "jobs at once         5" in said
    with acting_for(acme_tenant.id):
        assert Limits.objects.get().jobs_at_once == 5
        assert AuditEvent.objects.filter(action="limits.changed").count() == 1
    with pytest.raises(CommandError, match="1"):
        tenants("limits", "acme-studios", "--jobs-at-once", "0")


def test_a_suspended_tenants_key_is_refused_until_it_is_resumed(acme_tenant):
    secret = tenants("key", "create", "acme-studios", "ci").strip()
    tenants("suspend", "acme-studios")
    assert keys.find(secret) is None
    tenants("resume", "acme-studios")
    assert keys.find(secret) is not None


def test_an_unknown_tenant_is_one_sentence():
    with pytest.raises(CommandError, match="There is no tenant 'nobody'"):
        tenants("limits", "nobody")
