"""A worker that has to go hands its job over, with the pieces that it has made."""

import pytest

from jobs import metrics, pieces, storage
from tests.jobs.worker.attempts import A_MINUTE, made_only_when, seen, segments_of, work

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_asked_to_stop_hands_the_job_over(supervisor, job, plan):
    plan(**A_MINUTE)
    supervisor.broker.stopping.set()
    work(supervisor, job)
    handed = seen(job)
    assert (handed.state, handed.dispatch_number) == ("queued", 2)


def test_a_worker_that_hands_over_brings_its_pieces_along(
    supervisor, job, plan, monkeypatch, beside
):
    monkeypatch.setattr(pieces, "LOOK_SECONDS", 600)  # none is recorded before the worker must go
    plan(steps=1000, step_seconds=0.05, piece_steps=10)
    beside(lambda: seen(job).percent > 8, supervisor.broker.stopping.set)  # three are made
    work(supervisor, job)
    assert seen(job).state == "queued"
    assert segments_of(job) >= 2
    supervisor.broker.stopping.clear()
    plan(steps=1000, step_seconds=0, piece_steps=10)
    work(supervisor, job)
    done = seen(job)
    assert done.state == "succeeded"
    assert done.result_facts["resumed_pieces"] >= 2
    assert storage.outputs().open(done.result_key).read() == b"bytes" * 99


def test_a_worker_may_finish_within_its_grace(supervisor, job, settings):
    settings.SHUTDOWN_GRACE_SECONDS = 60
    supervisor.broker.stopping.set()
    work(supervisor, job)
    assert seen(job).state == "succeeded"


def test_a_model_that_dies_costs_the_job_its_last_piece_at_most(supervisor, job, plan):
    plan(steps=12, piece_steps=4, at=11, then="die")
    work(supervisor, job)
    assert (seen(job).state, segments_of(job)) == ("queued", 2)
    plan(steps=12, piece_steps=4)
    work(supervisor, job)
    assert (seen(job).state, seen(job).result_facts["resumed_pieces"]) == ("succeeded", 2)


@pytest.mark.parametrize("then", ["done", "refuse"])
def test_a_job_that_has_ended_leaves_no_pieces(supervisor, job, plan, then, monkeypatch):
    monkeypatch.setattr(pieces, "LOOK_SECONDS", 0.01)
    made_only_when(monkeypatch, lambda: segments_of(job) > 0)
    plan(steps=8, piece_steps=2, then=then)
    before = metrics.put_pieces._value.get()
    work(supervisor, job)
    keys = [key for key, _ in storage.listed(storage.outputs())]
    assert [key for key in keys if f"{job.id}/segments" in key] == []
    assert segments_of(job) == 0
    assert metrics.put_pieces._value.get() > before
