from tests.jobs.api.delivering import claimed, delivered, failed


def cancel(studio, job_id):
    return studio.post(f"/v1/jobs/{job_id}/cancel")


def test_a_waiting_job_is_canceled_at_once_and_again_without_harm(acme):
    job_id = acme.process().json()["id"]
    for _ in range(2):
        answer = cancel(acme, job_id)
        assert (answer.status_code, answer.json()["state"]) == (200, "canceled")


def test_a_running_job_is_asked_to_stop_and_again_without_harm(acme):
    job_id = acme.process().json()["id"]
    claimed(acme, job_id)
    answers = [cancel(acme, job_id) for _ in range(2)]
    for answer in answers:
        assert (answer.status_code, answer.json()["state"]) == (202, "processing")
        assert answer.json()["cancel_requested"] is True
    assert answers[0].json() == answers[1].json()


def test_a_failed_job_can_not_be_canceled(acme):
    answer = cancel(acme, failed(acme))
    assert (answer.status_code, answer.json()["code"]) == (409, "job_finished")


def test_a_finished_job_can_not_be_canceled(acme, tmp_path):
    answer = cancel(acme, delivered(acme, tmp_path))
    assert (answer.status_code, answer.json()["code"]) == (409, "job_finished")
