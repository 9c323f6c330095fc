"""One job after the other, in one process that stays warm; and a cancel of one."""

from jobs.model_events import failure
from tests.jobs.model.processes import A_MINUTE, PATIENCE_SECONDS, last_event, plan


def test_a_job_is_done_with_progress_on_the_way(child, request_of):
    child.begin("a", **request_of)
    assert child.next_event(PATIENCE_SECONDS)["event"] == "progress"
    assert last_event(child, "done")["result"]["frames"] == 50


def test_the_process_is_kept_for_the_next_job(child, request_of):
    child.begin("a", **request_of)
    last_event(child, "done")
    child.begin("b", **request_of)
    assert last_event(child, "done")["id"] == "b"
    assert child.jobs == 2


def test_the_process_is_replaced_after_its_number_of_jobs(child, request_of, settings):
    settings.JOBS_PER_CHILD = 1
    child.begin("a", **request_of)
    last_event(child, "done")
    child.begin("b", **request_of)
    last_event(child, "done")
    assert child.jobs == 1


def test_a_refusal_keeps_its_code_and_says_that_a_new_try_is_useless(child, bundle, request_of):
    plan(bundle, then="refuse")
    child.begin("a", **request_of)
    refusal = failure(last_event(child, "failed"))
    assert (refusal.code, refusal.refusal) == ("no_face", True)


def test_a_cancel_is_heard_between_two_steps(child, bundle, request_of):
    plan(bundle, **A_MINUTE)
    child.begin("a", **request_of)
    child.next_event(PATIENCE_SECONDS)
    child.cancel("a")
    assert last_event(child, "failed")["code"] == "canceled"


def test_a_canceled_job_leaves_the_process_warm(child, bundle, request_of, settings):
    settings.CANCEL_SECONDS = 60
    plan(bundle, **A_MINUTE)
    child.begin("a", **request_of)
    last_event(child, "progress")
    child.end("a")
    pid = child._process.pid
    plan(bundle)
    child.begin("b", **request_of)
    assert last_event(child, "done")["id"] == "b"
    assert child._process.pid == pid
