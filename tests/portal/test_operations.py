"""The operator's admin: every page opens, sees all tenants, and changes nothing that is final."""

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from billing.models import UsageRecord
from jobs import lifecycle
from jobs.models import Attempt, Job, State
from tenants import keys, people
from tenants.context import acting_for, as_operator
from tenants.models import ApiKey, AuditEvent, Limits, Membership, Role, Tenant, User
from tests.jobs.results import KEY, RESULT
from tests.making import a_job, a_queued_job

READ_ONLY = [UsageRecord, Job, Attempt, ApiKey, AuditEvent]


@pytest.fixture
def operator(client, db):
    client.force_login(User.objects.create_superuser("op@viseme.example", "long-enough-password"))
    return client


@pytest.fixture
def delivered(acme, globex):
    """One delivery of each of two tenants."""
    for tenant in (acme, globex):
        with acting_for(tenant.id):
            attempt = lifecycle.claim(a_queued_job(lane=0).id, worker="gpu-1", lease=300)
            lifecycle.succeed(attempt.id, fence=attempt.fence, result=RESULT, output_key=KEY)
            keys.create("program")


def place(model, page="changelist", *arguments):
    names = (model._meta.app_label, model._meta.model_name, page)
    return reverse("admin:{}_{}_{}".format(*names), args=arguments)


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model.__name__)
def test_every_list_and_every_row_opens(operator, delivered, model):
    page = operator.get(place(model))
    assert page.status_code == 200
    with as_operator("test"):
        row = model._default_manager.first()
    if row is not None:
        assert operator.get(place(model, "change", row.pk)).status_code == 200


def test_the_front_page_opens(operator):
    assert operator.get(reverse("admin:index")).status_code == 200


@pytest.mark.parametrize("model", [Job, Attempt, UsageRecord, AuditEvent, ApiKey])
def test_lists_tell_times_in_utc_wherever_the_operator_is(operator, delivered, model):
    operator.cookies["viewer_zone"] = "Asia/Tokyo"
    field = {Attempt: "started_at", UsageRecord: "occurred_at", ApiKey: "last_used_at"}
    with as_operator("test"):
        ApiKey.objects.update(last_used_at=timezone.now())
        moments = list(model.objects.values_list(field.get(model, "created_at"), flat=True))
    page = operator.get(place(model)).text
    assert moments and page.count("Times are UTC.") == 1
    assert [at for at in moments if f"{at:%Y-%m-%d %H:%M:%S}" not in page] == []


def test_usage_is_totalled_over_what_the_filters_let_through(operator, delivered, acme):
    page = operator.get(place(UsageRecord))
    assert dict(page.context_data["totals"])["output seconds"] == "20.080 second"
    page = operator.get(place(UsageRecord), {"tenant__id__exact": acme.id})
    totals = dict(page.context_data["totals"])
    assert totals["records"] == "1"
    assert totals["output seconds"] == "10.040 second"
    assert totals["output bytes"] == "1,234,567"


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_what_is_final_can_be_neither_added_changed_nor_deleted(operator, delivered, model):
    with as_operator("test"):
        row = model.objects.first()
    assert operator.post(place(model, "add"), {}).status_code == 403
    assert operator.post(place(model, "change", row.pk), {"state": "x"}).status_code == 403
    assert operator.post(place(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_no_page_shows_the_hash_of_a_key(operator, delivered):
    with as_operator("test"):
        key = ApiKey.objects.first()
    assert b"sha256" not in operator.get(place(ApiKey, "change", key.pk)).content


def test_a_job_is_canceled_by_the_action(operator, acme):
    with acting_for(acme.id):
        job = a_job()
    chosen = {"action": "cancel", "_selected_action": [str(job.id)], "confirmed": "yes"}
    operator.post(place(Job), chosen)
    with acting_for(acme.id):
        assert Job.objects.get().state == State.CANCELED


def test_a_key_is_revoked_by_the_action_and_it_is_noted_by_whom(operator, acme):
    with acting_for(acme.id):
        key, secret = keys.create("program")
    operator.post(place(ApiKey), {"action": "revoke", "_selected_action": [str(key.id)]})
    assert keys.find(secret) is None
    with acting_for(acme.id):
        assert AuditEvent.objects.get(action="api_key.revoked").actor == "op@viseme.example"


def test_limits_are_changed_with_a_note(operator, acme):
    form = {
        "jobs_at_once": 7,
        "jobs_waiting": 1000,
        "upload_bytes": 1 << 31,
        "video_seconds": 1800,
        "requests_per_minute": 600,
    }
    operator.post(place(Limits, "change", acme.id), form)
    with acting_for(acme.id):
        assert Limits.objects.get().jobs_at_once == 7
        assert AuditEvent.objects.get(action="limits.changed").details["after"] == {
            "jobs_at_once": 7
        }


def test_a_tenant_and_its_first_member_are_made_in_two_forms(operator):
    form = {"name": "Acme", "slug": "acme", "time_zone": "Europe/Berlin"}
    assert operator.post(place(Tenant, "add"), form).status_code == 302
    with as_operator("test"):
        tenant = Tenant.objects.get()
        assert tenant.limits.jobs_at_once == 2
    form = {"tenant": str(tenant.id), "email": "Owner@Acme.example", "role": "owner"}
    assert operator.post(place(Membership, "add"), form).status_code == 302
    assert operator.post(place(Membership, "add"), form).status_code == 200  # and says why not
    with as_operator("test"):
        assert Membership.objects.get().user.email == "owner@acme.example"


@pytest.fixture
def two_members(acme):
    with as_operator("test"):
        owner, _ = people.add_member(acme, "owner@acme.example", Role.OWNER)
        other, _ = people.add_member(acme, "other@acme.example", Role.VIEWER)
    return owner, other


def roles_now():
    with as_operator("test"):
        return {row.user.email.split("@")[0]: row.role for row in Membership.objects.all()}


def test_a_members_role_is_changed_with_a_note(operator, two_members, acme):
    page = operator.get(place(Membership, "change", two_members[1].id))
    assert page.status_code == 200
    answer = operator.post(place(Membership, "change", two_members[1].id), {"role": "developer"})
    assert answer.status_code == 302
    assert roles_now() == {"owner": "owner", "other": "developer"}
    with acting_for(acme.id):
        note = AuditEvent.objects.get(action="member.role_changed")
    assert (note.actor, note.subject) == ("op@viseme.example", "other@acme.example")
    assert note.details == {"before": "viewer", "after": "developer"}


def test_a_member_is_removed_with_a_note_and_keeps_the_account(operator, two_members, acme):
    assert operator.post(place(Membership, "delete", two_members[1].id), {"post": "yes"})
    assert roles_now() == {"owner": "owner"}
    with acting_for(acme.id):
        assert AuditEvent.objects.get(action="member.removed").subject == "other@acme.example"
    assert User.objects.filter(email="other@acme.example").exists()


def test_the_last_owner_stays_and_stays_owner(operator, two_members):
    owner = two_members[0]
    refused = operator.post(place(Membership, "change", owner.id), {"role": "viewer"})
    assert "only owner of this tenant" in refused.text
    assert operator.post(place(Membership, "delete", owner.id), {"post": "yes"}).status_code == 403
    assert roles_now() == {"owner": "owner", "other": "viewer"}


def test_of_all_owners_who_are_removed_together_one_stays(operator, two_members):
    with as_operator("test"):
        Membership.objects.update(role=Role.OWNER)
    chosen = [str(membership.id) for membership in two_members]
    form = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    operator.post(place(Membership), form)
    assert len(roles_now()) == 1


def test_no_page_of_the_admin_lets_the_browser_look_for_an_icon(operator):
    for page in (place(UsageRecord), reverse("admin:index")):
        assert 'rel="icon" href="/static/portal/favicon.svg"' in operator.get(page).text


def test_a_time_zone_that_is_none_is_refused(operator):
    form = {"name": "Acme", "slug": "acme", "time_zone": "Mars/Base"}
    assert b"is no IANA time zone" in operator.post(place(Tenant, "add"), form).content


def test_a_member_who_is_no_operator_is_kept_out(client, db):
    client.force_login(User.objects.create_user("member@acme.example", "long-enough-password"))
    assert client.get(reverse("admin:index")).status_code in (302, 403)
    assert client.get(place(Job)).status_code in (302, 403)


def test_a_stranger_is_sent_to_the_portals_own_sign_in(client, db):
    answer = client.get(reverse("admin:index"), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
