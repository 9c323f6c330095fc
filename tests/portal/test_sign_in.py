"""The pages before somebody is signed in."""

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-secret"


@pytest.fixture
def owner(studio):
    studio.owner.set_password(PASSWORD)
    studio.owner.save()
    return studio.owner


def test_an_e_mail_and_a_password_lead_to_the_start_page(owner):
    asked = {"login": owner.email, "password": PASSWORD}
    answer = Client().post(reverse("account_login"), asked)
    assert (answer.status_code, answer.url) == (302, "/")


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(owner):
    def answer(email):
        asked = {"login": email, "password": "wrong-wrong-wrong"}
        return Client().post(reverse("account_login"), asked).text

    known, unknown = answer(owner.email), answer("nobody@viseme.example")
    assert "field-wrong" in known or "errorlist" in known
    assert known.count("errorlist") == unknown.count("errorlist")


@pytest.mark.parametrize("name", ["account_login", "account_reset_password"])
def test_the_entrance_wears_the_portals_look(name):
    page = Client().get(reverse(name))
    assert page.status_code == 200
    assert "entrance-form" in page.text and "portal/viseme.css" in page.text


def test_nobody_can_sign_up(owner):
    assert "entrance-form" in Client().get(reverse("account_signup")).text
    asked = {"email": "new@viseme.example", "password1": PASSWORD, "password2": PASSWORD}
    Client().post(reverse("account_signup"), asked)
    assert not type(owner).objects.filter(email="new@viseme.example").exists()


def test_a_password_reset_sends_a_link_that_sets_a_new_one(owner):
    Client().post(reverse("account_reset_password"), {"email": owner.email})
    (letter,) = mail.outbox
    assert letter.subject == "Viseme: Password Reset Email"
    assert letter.body.startswith("Hello,\n") and "Hello from" not in letter.body
    link = next(word for word in letter.body.split() if word.startswith("http"))
    browser = Client()
    path = browser.get("/" + link.split("/", 3)[3]).url
    new = "another-long-enough-secret"
    browser.post(path, {"password1": new, "password2": new})
    signed = Client().post(reverse("account_login"), {"login": owner.email, "password": new})
    assert signed.status_code == 302


def test_signing_out_ends_the_session(studio):
    answer = studio.browser.post(reverse("account_logout"))
    assert answer.status_code == 302
    assert studio.browser.get(reverse("portal:home")).status_code == 302


@pytest.mark.parametrize("name", ["mfa_index", "account_logout"])
def test_the_account_pages_stand_within_the_portal(studio, name):
    page = studio.browser.get(reverse(name))
    assert page.status_code == 200
    assert 'class="rail"' in page.text and "Northlight" in page.text
