import pytest

from jobs import lifecycle
from jobs.models import Job, Upload
from tenants import operating
from tenants.context import acting_for, as_operator
from tenants.models import Limits
from tests.jobs.api.delivering import claimed, delivered, failed
from tests.jobs.api.test_status import status


def retry(studio, job_id):
    return studio.post(f"/v1/jobs/{job_id}/retry")


def test_a_failed_job_is_tried_again_without_a_second_upload(acme):
    old = failed(acme)
    answer = retry(acme, old)
    assert answer.status_code == 201, answer.content
    new, before = answer.json(), status(acme, old)
    assert answer["Location"] == new["links"]["status"]
    assert (new["state"], new["retry_of"], new["retried_by"]) == ("validating", old, None)
    assert (before["state"], before["retried_by"]) == ("failed", new["id"])
    for same in ("video_upload", "audio_upload", "options", "project", "priority"):
        assert new[same] == before[same]
    with acting_for(acme.tenant.id):
        assert Upload.objects.count() == 2


def test_a_retry_that_is_sent_twice_is_one_job(acme):
    old = failed(acme)
    first, again = retry(acme, old), retry(acme, old)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    with acting_for(acme.tenant.id):
        assert Job.objects.count() == 2


def test_a_retry_that_failed_is_retried_in_turn(acme):
    new = retry(acme, failed(acme)).json()["id"]
    with acting_for(acme.tenant.id):
        lifecycle.refuse(new, code="no_face", message="No face was found.")
    assert retry(acme, new).json()["retry_of"] == new


def test_the_links_of_a_job_name_its_retry(acme):
    old = failed(acme)
    assert status(acme, old)["links"]["retry"].endswith(f"/v1/jobs/{old}/retry")


@pytest.mark.parametrize("state", ["validating", "processing", "succeeded", "canceled"])
def test_only_a_failed_job_is_tried_again(acme, tmp_path, state):
    job_id = delivered(acme, tmp_path) if state == "succeeded" else acme.process().json()["id"]
    if state == "processing":
        claimed(acme, job_id)
    if state == "canceled":
        acme.post(f"/v1/jobs/{job_id}/cancel")
    answer = retry(acme, job_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_failed")
    assert state in answer.json()["detail"]


def test_a_job_whose_file_is_no_longer_kept_says_which(acme):
    old = failed(acme)
    with acting_for(acme.tenant.id):
        Upload.objects.filter(kind="audio").update(state="aborted")
    answer = retry(acme, old)
    assert (answer.status_code, answer.json()["code"]) == (410, "upload_gone")
    assert "voice.wav" in answer.json()["detail"] and "new job" in answer.json()["hint"]


def test_a_suspended_tenant_retries_nothing(acme):
    old = failed(acme)
    with as_operator("a test"):
        operating.suspend(acme.tenant.id)
    assert retry(acme, old).status_code == 401
    with acting_for(acme.tenant.id):
        assert Job.objects.count() == 1


def test_a_retry_waits_in_the_tenants_line_as_any_job(acme):
    old = failed(acme)
    with acting_for(acme.tenant.id):
        Limits.objects.update(jobs_waiting=1)
    acme.process()
    answer = retry(acme, old)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_jobs_waiting")
