from tests.jobs.api.delivering import claimed, delivered


def cancel(studio, job_id):
    return studio.post(f"/v1/jobs/{job_id}/cancel")


def test_a_waiting_job_is_canceled_at_once_and_again_without_harm(acme):
    job_id = acme.process().json()["id"]
    for _ in range(2):
        answer = cancel(acme, job_id)
        assert (answer.status_code, answer.json()["state"]) == (200, "canceled")


def test_a_running_job_is_asked_to_stop(acme):
    job_id = acme.process().json()["id"]
    claimed(acme, job_id)
    answer = cancel(acme, job_id)
    assert (answer.status_code, answer.json()["state"]) == (202, "processing")
    assert answer.json()["cancel_requested"] is True


def test_a_finished_job_can_not_be_canceled(acme, tmp_path):
    answer = cancel(acme, delivered(acme, tmp_path))
    assert (answer.status_code, answer.json()["code"]) == (409, "job_finished")
