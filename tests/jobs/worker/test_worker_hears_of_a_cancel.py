"""A cancel that reaches a worker under way, and one that comes at the last moment."""

import pytest

from jobs import lifecycle, metrics, storage
from jobs.models import Attempt
from tenants.context import acting_for, as_operator
from tests.jobs.worker.attempts import A_MINUTE, once_begun, seen, work

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_cancel_stops_the_model_and_keeps_it_warm(supervisor, job, plan, beside):
    plan(**A_MINUTE)
    beside(*once_begun(job, lambda: lifecycle.cancel(job.id, by="a test")))
    work(supervisor, job)
    assert seen(job).state == "canceled"
    assert supervisor.model.alive


def test_a_cancel_after_the_last_step_wins_and_its_result_is_removed(supervisor, job, monkeypatch):
    put = storage.put_result

    def put_and_cancel(*arguments):
        key = put(*arguments)
        with acting_for(job.tenant_id):
            lifecycle.cancel(job.id, by="a test")
        return key

    monkeypatch.setattr(storage, "put_result", put_and_cancel)
    work(supervisor, job)
    with as_operator("look"):
        attempt = Attempt.objects.get(job=job.id)
    key = storage.result_key(job.tenant_id, job.id, attempt.id)
    assert seen(job).state == "canceled"
    assert not storage.outputs().exists(key)


def test_a_result_of_a_canceled_job_that_cannot_be_removed_loses_no_attempt(
    supervisor, job, monkeypatch
):
    put = storage.put_result

    def put_and_cancel(*arguments):
        key = put(*arguments)
        with acting_for(job.tenant_id):
            lifecycle.cancel(job.id, by="a test")
        monkeypatch.setattr(type(storage.outputs()), "delete", away)
        return key

    def away(*arguments):
        raise OSError("out of reach")

    lost = metrics.lost_attempts._value.get()
    monkeypatch.setattr(storage, "put_result", put_and_cancel)
    work(supervisor, job)
    assert seen(job).state == "canceled"
    assert metrics.lost_attempts._value.get() == lost
