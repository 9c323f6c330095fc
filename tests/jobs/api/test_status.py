from datetime import datetime, timedelta

from jobs import lifecycle
from jobs.models import Job, Upload
from tenants.context import acting_for
from tests.jobs.api.delivering import claimed, delivered, failed
from tests.jobs.histories import successes


def status(studio, job_id):
    answer = studio.client.get(f"/status/{job_id}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_running_job_tells_its_phase_percent_and_attempt(acme):
    job_id = acme.process().json()["id"]
    attempt = claimed(acme, job_id)
    with acting_for(acme.tenant.id):
        lifecycle.beat(attempt.id, fence=attempt.fence, stage="generate", percent=40, lease=300)
    job = status(acme, job_id)
    assert (job["state"], job["phase"], job["percent"], job["attempt"]) == (
        "processing",
        "generate",
        40,
        1,
    )
    assert job["waiting_for"] == ""
    assert job["started_at"].endswith("Z")


def test_waiting_jobs_know_their_place_among_the_tenants_own(acme, rival):
    def waiting(studio, **fields):
        job_id = studio.process(**fields).json()["id"]
        with acting_for(studio.tenant.id):
            lifecycle.accept_probe(job_id)
        return job_id

    waiting(rival)
    jobs = [waiting(acme), waiting(acme), waiting(acme, priority=5)]
    assert [status(acme, job)["position"] for job in jobs] == [2, 3, 1]
    listed = {job["id"]: job["position"] for job in acme.client.get("/v1/jobs").json()["items"]}
    assert [listed[job] for job in jobs] == [2, 3, 1]


def test_a_job_that_waits_for_no_lane_has_no_place(acme, tmp_path):
    fresh = acme.process().json()["id"]
    assert status(acme, fresh)["position"] is None
    assert status(acme, delivered(acme, tmp_path))["position"] is None


def test_the_consent_note_comes_back_with_the_job(acme):
    job = acme.process(consent_note="contract 17").json()
    assert job["consent_note"] == "contract 17"
    assert status(acme, job["id"])["consent_note"] == "contract 17"


def test_a_finished_job_says_that_the_demo_model_made_it(acme, tmp_path):
    job = status(acme, delivered(acme, tmp_path))
    assert job["state"] == "succeeded"
    assert job["model"] == {"label": "demo model", "demo": True}
    assert job["result"]["seconds"] == 10.04
    assert job["error"] is None


def test_a_failed_job_tells_code_sentence_and_hint(acme):
    job = status(acme, failed(acme))
    assert job["state"] == "failed"
    assert job["error"] == {
        "code": "no_face",
        "message": "No face was found.",
        "hint": "Show one.",
    }


def test_both_addresses_show_the_same(acme):
    job_id = acme.process().json()["id"]
    assert status(acme, job_id) == acme.client.get(f"/v1/jobs/{job_id}").json()


def test_the_browsers_time_zone_changes_no_timestamp(acme):
    job_id = acme.process().json()["id"]
    acme.client.cookies["viewer_zone"] = "Asia/Tokyo"
    assert status(acme, job_id)["created_at"].endswith("Z")


def test_an_answer_is_not_to_be_cached(acme):
    assert "no-store" in acme.client.get("/v1/jobs")["Cache-Control"]


def test_a_waiting_job_tells_when_its_result_may_be_there(acme):
    job_id = acme.process().json()["id"]
    with acting_for(acme.tenant.id):
        successes(*[2] * 5, options=Job.objects.get(id=job_id).options)
        lifecycle.accept_probe(job_id)
        Upload.objects.filter(kind="audio").update(media_info={"duration_seconds": 60})
    job = status(acme, job_id)
    assert job["waiting_for"] == "admission"
    earliest, latest = (
        datetime.fromisoformat(job["expected_finish"][end]) for end in ("earliest", "latest")
    )
    queued = datetime.fromisoformat(job["queued_at"])
    assert earliest == latest and earliest > queued + timedelta(seconds=120)
    assert job["expected_finish"]["latest"].endswith("Z")


def test_where_little_is_known_no_time_is_promised(acme):
    assert acme.process().json()["expected_finish"] is None
