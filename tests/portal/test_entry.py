"""Who gets in, and as whom."""

import pytest
from django.test import Client
from django.urls import reverse

from portal.pages.entry import PLACES
from tenants import operating, people
from tenants.context import as_operator
from tenants.models import Membership, Role, User

pytestmark = pytest.mark.django_db
PAGES = [reverse(f"portal:{place}") for _, _, place, _ in PLACES]


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_is_sent_to_the_sign_in_and_back(page):
    answer = Client().get(page)
    assert answer.status_code == 302
    assert answer.url == f"{reverse('account_login')}?next={page}"


def test_a_fragment_sends_the_whole_page_to_the_sign_in():
    answer = Client().get(reverse("portal:jobs"), headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == reverse("account_login")


@pytest.mark.parametrize("page", PAGES)
def test_an_owner_sees_every_page_under_the_tenants_name(studio, page):
    answer = studio.browser.get(page)
    assert answer.status_code == 200
    assert "Northlight" in answer.text


@pytest.mark.parametrize("page", PAGES)
def test_a_page_allows_nothing_inline(studio, page):
    answer = studio.browser.get(page)
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert " style=" not in answer.text and " onclick=" not in answer.text
    assert "<script>" not in answer.text and "<style" not in answer.text


def test_finance_sees_usage_and_neither_videos_nor_keys(studio):
    browser = studio.member(Role.FINANCE)
    assert browser.get(reverse("portal:usage")).status_code == 200
    assert browser.get(reverse("portal:jobs")).status_code == 403
    assert browser.get(reverse("portal:keys")).status_code == 403
    assert browser.get(reverse("portal:home")).url == reverse("portal:usage")


def test_a_viewer_makes_no_jobs(studio):
    browser = studio.member(Role.VIEWER)
    assert browser.get(reverse("portal:jobs")).status_code == 200
    assert browser.get(reverse("portal:new_job")).status_code == 403
    assert "New job" not in browser.get(reverse("portal:jobs")).text


def test_somebody_without_a_tenant_is_told_so(settings):
    lonely = User.objects.create_user("lonely@viseme.example", "not-used-here")
    browser = Client()
    browser.force_login(lonely, settings.AUTHENTICATION_BACKENDS[0])
    answer = browser.get(reverse("portal:home"))
    assert answer.status_code == 403
    assert "no tenant is open to you" in answer.text


def test_a_member_of_a_suspended_tenant_is_not_told_to_have_none(studio):
    with as_operator("tests"):
        operating.suspend(studio.tenant.id)
    answer = studio.browser.get(reverse("portal:home"))
    assert answer.status_code == 403 and "may be suspended" in answer.text


def test_a_member_of_two_tenants_switches_between_them(make_studio, make_job):
    first, second = make_studio("Alder"), make_studio("Birch")
    with as_operator("tests"):
        people.add_member(second.tenant, first.owner.email, Role.VIEWER)
    assert "Working for" not in first.browser.get(reverse("portal:jobs")).text
    job = make_job(second)
    page = reverse("portal:job", args=[job.id])
    assert first.browser.get(page).status_code == 404
    first.browser.post(reverse("portal:switch"), {"tenant": second.tenant.id})
    assert first.browser.get(page).status_code == 200


def test_nobody_switches_to_a_tenant_of_others(make_studio):
    first, second = make_studio("Alder"), make_studio("Birch")
    answer = first.browser.post(reverse("portal:switch"), {"tenant": second.tenant.id})
    assert answer.status_code == 404
    assert "Alder" in first.browser.get(reverse("portal:home")).text


def test_a_removed_member_is_out_at_the_next_request(studio):
    browser = studio.member(Role.VIEWER)
    assert browser.get(reverse("portal:jobs")).status_code == 200
    with as_operator("tests"):
        Membership.objects.filter(tenant=studio.tenant, role=Role.VIEWER).delete()
    assert browser.get(reverse("portal:jobs")).status_code == 403


def test_times_are_shown_in_the_viewers_zone(studio, make_job):
    job = make_job(studio)
    studio.browser.cookies["viewer_zone"] = "Asia/Kolkata"
    assert "(UTC+05:30)" in studio.browser.get(reverse("portal:job", args=[job.id])).text
    studio.browser.cookies["viewer_zone"] = "../../etc/passwd"
    assert "(UTC+00:00)" in studio.browser.get(reverse("portal:job", args=[job.id])).text
