from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import Job
from tenants.context import acting_for
from tests.jobs.api.test_status import status


def ahead(**delta):
    return (timezone.now() + timedelta(**delta)).isoformat()


def test_a_deadline_comes_back_in_utc(acme):
    local = timezone.now().astimezone(timezone.get_fixed_timezone(120)) + timedelta(hours=1)
    job = acme.process(deadline=local.isoformat()).json()
    assert job["deadline"].endswith("Z")
    assert status(acme, job["id"])["deadline"] == job["deadline"]
    assert acme.process().json()["deadline"] is None


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("2026-12-01T18:00:00", "no_zone"),
        ("2026-12-01", "no_zone"),
        ("tomorrow", "invalid"),
        ("1790000000", "invalid"),
        ("0001-01-01T00:00:00+14:00", "overflow"),
        ("9999-12-31T23:59:59-14:00", "overflow"),
    ],
)
def test_a_deadline_that_is_no_moment_is_pointed_at(acme, given, code):
    answer = acme.process(deadline=given)
    assert answer.status_code == 422, answer.content
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/deadline", code)


@pytest.mark.parametrize(
    ("delta", "words", "hint"),
    [
        ({"seconds": -1}, "passed already", "a moment in the future"),
        ({"days": 31}, "at most 30 days", "an earlier moment"),
    ],
)
def test_a_deadline_that_has_passed_or_is_far_off_is_pointed_at(acme, delta, words, hint):
    answer = acme.process(deadline=ahead(**delta))
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_deadline")
    [error] = answer.json()["errors"]
    assert error["pointer"] == "/deadline" and words in error["detail"]
    assert hint in answer.json()["hint"]
    with acting_for(acme.tenant.id):
        assert not Job.objects.exists()


def test_the_deadline_is_part_of_what_a_key_stands_for(acme):
    deadline = ahead(hours=1)
    first = acme.process(key="order-17", deadline=deadline).json()["id"]
    assert acme.process(key="order-17", deadline=deadline).json()["id"] == first
    for other in ({"deadline": ahead(hours=2)}, {}):
        answer = acme.process(key="order-17", **other)
        assert answer.json()["code"] == "idempotency_key_reused"


def test_the_same_moment_in_another_zone_is_the_same_deadline(acme):
    moment = timezone.now() + timedelta(hours=1)
    there = moment.astimezone(timezone.get_fixed_timezone(-300))
    first = acme.process(key="order-17", deadline=moment.isoformat()).json()["id"]
    assert acme.process(key="order-17", deadline=there.isoformat()).json()["id"] == first


def test_a_request_sent_again_after_its_deadline_is_still_the_first_job(acme, monkeypatch):
    deadline = ahead(hours=1)
    first = acme.process(key="order-17", deadline=deadline).json()["id"]
    later = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr("jobs.submission.database_now", lambda: later)
    assert acme.process(key="order-17", deadline=deadline).json()["id"] == first
