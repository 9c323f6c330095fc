"""The model's process dies, before the job or of it, or there is none at all."""

from datetime import timedelta

import pytest

from jobs import fitness, lifecycle
from jobs.child import ModelChild
from jobs.models import Attempt
from messaging.errors import NotOurs
from messaging.models import OutboxMessage
from tenants.context import as_operator
from tests.jobs.worker.attempts import seen, work

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_model_that_died_idle_costs_the_job_no_attempt(supervisor, job, plan):
    supervisor.model.start()
    supervisor.model.kill()
    work(supervisor, job)
    assert seen(job).state == "succeeded"
    with as_operator("look"):
        assert Attempt.objects.filter(job=job.id).count() == 1


def test_a_model_that_dies_as_it_is_given_the_job_costs_none_either(
    supervisor, job, plan, monkeypatch
):
    say, victims = supervisor.model._say, iter([1])

    def dies_first(request):
        for _ in victims:
            supervisor.model.kill()
        say(request)

    monkeypatch.setattr(supervisor.model, "_say", dies_first)
    work(supervisor, job)
    with as_operator("look"):
        (attempt,) = Attempt.objects.filter(job=job.id)
    assert (seen(job).state, attempt.outcome) == ("succeeded", "succeeded")


def test_a_worker_without_a_model_costs_no_strike_and_then_takes_no_job(
    supervisor, job, settings, monkeypatch
):
    monkeypatch.setattr(fitness, "FIRST_PAUSE_SECONDS", 0.01)
    supervisor.broker.hide = lambda *told: None
    supervisor.fitness = fitness.Fitness(supervisor.model, supervisor.broker)
    settings.MODEL_CHILD_MODULE = "tests.no_such_module"
    work(supervisor, job)
    for _ in range(3):
        with pytest.raises(NotOurs):
            work(supervisor, job)
    with as_operator("look"):
        (attempt,) = Attempt.objects.filter(job=job.id)
    assert (attempt.outcome, attempt.error_code) == ("released", "engine_crashed")
    assert seen(job).state == "queued"
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    work(supervisor, job)
    assert seen(job).state == "succeeded"


def test_a_release_whose_model_does_not_load_ends_no_job(supervisor, job, settings):
    """Each pod that starts with it claims the job once, and finds out."""
    settings.MODEL_CHILD_MODULE = "tests.no_such_module"
    for _ in range(lifecycle.MAX_ATTEMPTS + 1):
        supervisor.model = ModelChild()
        supervisor.fitness = fitness.Fitness(supervisor.model, supervisor.broker)
        work(supervisor, job)
        with as_operator("look"):
            last = OutboxMessage.objects.filter(payload__job_id=str(job.id)).latest("id")
        paused = last.not_before - seen(job).dispatched_at
        assert paused == timedelta(seconds=settings.RETRY_SECONDS)
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    work(supervisor, job)
    assert seen(job).state == "succeeded"


def test_a_job_that_kills_its_model_three_times_has_failed_with_advice(supervisor, job, plan):
    plan(then="die")
    for _ in range(3):
        work(supervisor, job)
    failed = seen(job)
    assert (failed.state, failed.error_code) == ("failed", "engine_crashed")
    assert "smaller" in failed.error_hint
