import pytest

from jobs.models import Job, Upload
from tenants.context import acting_for


def test_the_same_form_with_the_same_key_is_the_first_job(acme):
    first, again = acme.process(key="order-17"), acme.process(key="order-17")
    assert again.status_code == 202
    assert again.json()["id"] == first.json()["id"]
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    with acting_for(acme.tenant.id):
        assert Job.objects.count() == 1
        assert Upload.objects.count() == 2  # what the second form brought is gone again


def test_the_same_uploads_with_the_same_key_are_the_first_job(acme):
    body = {"video_upload": acme.upload("video"), "audio_upload": acme.upload("audio")}
    headers = {"Idempotency-Key": "order-17"}
    first = acme.post("/process", body, **headers)
    again = acme.post("/v1/jobs", body, **headers)
    assert again.json()["id"] == first.json()["id"]


def test_another_request_with_the_same_key_is_refused_and_names_the_first_job(acme):
    first = acme.process(key="order-17").json()["id"]
    for changed in ({"steps": "21"}, {"video": b"another video"}):
        answer = acme.process(key="order-17", **changed)
        assert answer.status_code == 422
        assert answer.json()["code"] == "idempotency_key_reused"
        assert answer.json()["job_id"] == first
    with acting_for(acme.tenant.id):
        assert Upload.objects.count() == 2


def test_a_refused_request_does_not_use_up_its_key(acme):
    assert acme.process(key="order-17", steps="1").status_code == 422
    assert acme.process(key="order-17").status_code == 202


def test_two_tenants_may_use_the_same_key(acme, rival):
    mine, theirs = acme.process(key="order-17"), rival.process(key="order-17")
    assert theirs.status_code == 202
    assert mine.json()["id"] != theirs.json()["id"]


@pytest.mark.parametrize("key", ["", " ", "a" * 129, "two,keys", "ümlaut", "a b"])
def test_a_key_that_is_none_is_refused(acme, key):
    answer = acme.process(key=key)
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_idempotency_key"
