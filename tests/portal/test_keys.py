"""API keys in the portal."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from tenants import keys
from tenants.context import acting_for
from tenants.models import ApiKey

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"vsm_live_[\w-]{43}")
KEYS = reverse("portal:keys")


@pytest.fixture
def make_key(studio):
    def make(name="Pipeline", **fields):
        with acting_for(studio.tenant.id):
            return keys.create(name, **fields)

    return make


def test_a_new_key_is_shown_once_with_a_curl_line(studio):
    asked = {"name": "Pipeline", "expires": "90", "scopes": ["jobs:read", "jobs:write"]}
    page = studio.browser.post(KEYS, asked)
    secret = SECRET.search(page.text).group()
    assert keys.find(secret).tenant_id == studio.tenant.id
    assert f'curl -H "Authorization: Bearer {secret}"' in page.text.replace("&quot;", '"')
    assert f'href="{reverse("api-docs")}"' in page.text
    assert "no-store" in page.headers["Cache-Control"]
    assert not SECRET.search(studio.browser.get(KEYS).text)


def test_a_key_gets_the_scopes_and_the_days_that_were_chosen(studio):
    studio.browser.post(KEYS, {"name": "Reader", "expires": "30", "scopes": ["jobs:read"]})
    studio.browser.post(KEYS, {"name": "Old", "expires": "never", "scopes": ["jobs:read"]})
    with acting_for(studio.tenant.id):
        reader, old = ApiKey.objects.get(name="Reader"), ApiKey.objects.get(name="Old")
    assert reader.scopes == ["jobs:read"]
    assert timedelta(days=29) < reader.expires_at - timezone.now() <= timedelta(days=30)
    assert old.expires_at is None


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"expires": "7000"}, {"scopes": ["all"]}, {"scopes": []}]
)
def test_a_wrong_form_makes_no_key(studio, wrong):
    asked = {"name": "Pipeline", "expires": "90", "scopes": ["jobs:read"]} | wrong
    answer = studio.browser.post(KEYS, asked)
    assert answer.status_code == 400 and "errorlist" in answer.text
    with acting_for(studio.tenant.id):
        assert not ApiKey.objects.exists()


def test_the_list_shows_beginning_scopes_use_and_end(studio, make_key):
    key, secret = make_key(scopes=["usage:read"], expires_at=timezone.now() - timedelta(days=1))
    page = studio.browser.get(KEYS).text
    assert key.prefix in page and "usage:read" in page and "expired" in page
    assert secret not in page


def test_a_revoked_key_is_refused_and_stays_in_the_list(studio, make_key):
    key, secret = make_key()
    page = studio.browser.post(reverse("portal:revoke_key", args=[key.id]), follow=True).text
    assert "is revoked" in page and key.prefix in page
    assert keys.find(secret) is None


def test_another_tenants_key_can_be_neither_seen_nor_revoked(make_studio, make_key):
    key, secret = make_key()
    other = make_studio("Birch")
    assert key.prefix not in other.browser.get(KEYS).text
    assert other.browser.post(reverse("portal:revoke_key", args=[key.id])).status_code == 404
    assert keys.find(secret)
