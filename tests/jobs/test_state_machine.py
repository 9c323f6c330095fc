"""Whatever workers, tenants and clocks do in whatever order: a job ends once and is billed once."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billing.models import UsageRecord
from jobs import lifecycle
from jobs.admission import admit
from jobs.clock import database_now
from jobs.errors import JobError, NotClaimable, StaleAttempt
from jobs.models import TERMINAL, Attempt, Job, State
from jobs.reconciling import reconcile
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tests.jobs.results import RESULT
from tests.making import a_job, a_tenant

pytestmark = pytest.mark.django_db


class OneJob(RuleBasedStateMachine):
    """A job between two workers, a tenant who cancels, a queue that forgets, and the clock."""

    attempts = Bundle("attempts")

    def __init__(self):
        super().__init__()
        self.whole = transaction.atomic()
        self.whole.__enter__()
        tenant = a_tenant("Machine", jobs_at_once=1)
        self.acting = acting_for(tenant.id)
        self.acting.__enter__()
        self.job_id = a_job().id
        self.seen: list[tuple[str, int, int]] = []

    @initialize(accepted=st.booleans())
    def begin(self, accepted):
        if accepted:
            lifecycle.accept_probe(self.job_id)
            self.admission()

    def teardown(self):
        transaction.set_rollback(True)
        self.acting.__exit__(None, None, None)
        transaction.set_rollback(True)
        self.whole.__exit__(None, None, None)

    @property
    def job(self) -> Job:
        return Job.objects.get(id=self.job_id)

    @rule(good=st.booleans())
    def probe(self, good):
        if good:
            lifecycle.accept_probe(self.job_id)
        else:
            lifecycle.refuse(self.job_id, code="no_video_stream", message="No picture.")

    @rule()
    def admission(self):
        with as_operator("a test"):
            admit()

    @rule(target=attempts, worker=st.sampled_from(["gpu-1", "gpu-2"]))
    def claim(self, worker):
        before = self.job
        try:
            attempt = lifecycle.claim(self.job_id, worker=worker, lease=300)
        except NotClaimable:
            assert before.state != State.QUEUED or before.lane is None
            return None
        assert before.state == State.QUEUED
        return attempt

    @rule(attempt=attempts, percent=st.integers(0, 100))
    def beat(self, attempt, percent):
        self.write(attempt, lifecycle.beat, stage="generate", percent=percent, lease=300)

    @rule(attempt=attempts)
    def succeed(self, attempt):
        self.write(attempt, lifecycle.succeed, result=RESULT, output_key=f"k/{attempt}")

    @rule(attempt=attempts, retry=st.booleans())
    def fail(self, attempt, retry):
        told = {"code": "engine_fault", "message": "It broke."}
        self.write(attempt, lifecycle.fail, **told, retry=retry)

    @rule(attempt=attempts)
    def release(self, attempt):
        self.write(attempt, lifecycle.release)

    @rule(attempt=consumes(attempts))
    def die(self, attempt):
        """The worker is gone; its lease runs out and the reconciler looks."""
        if attempt is not None:
            past = database_now() - timedelta(seconds=1)
            Attempt.objects.filter(id=attempt.id, ended_at=None).update(lease_expires_at=past)

    @rule()
    def reconciler(self):
        with as_operator("a test"):
            reconcile()

    @rule()
    def the_queue_forgets(self):
        with as_operator("a test"):
            OutboxMessage.objects.update(sent_at=database_now())
            old = database_now() - timedelta(days=1)
            Job.objects.filter(id=self.job_id).update(dispatched_at=old)

    @rule(number=st.integers(1, 4))
    def dead_letter(self, number):
        lifecycle.give_up(self.job_id, dispatch=number, code="too_many_attempts", message="")

    @precondition(lambda self: len(self.seen) > 4)
    @rule()
    def cancel(self):
        before = self.job
        try:
            lifecycle.cancel(self.job_id, by="a test")
        except JobError:
            assert before.state in (State.SUCCEEDED, State.FAILED)

    def write(self, attempt, operation, **told):
        """A worker's word: heard from who owns the job, refused from anybody else."""
        if attempt is None:
            return
        live = Attempt.objects.filter(id=attempt.id, ended_at=None).exists()
        try:
            operation(attempt.id, fence=attempt.fence, **told)
        except StaleAttempt:
            assert not live
        else:
            assert live

    @invariant()
    def what_ended_stays_ended_and_numbers_only_grow(self):
        job = self.job
        for state, fence, dispatch in self.seen[-1:]:
            assert job.fence >= fence and job.dispatch_number >= dispatch
            assert state not in TERMINAL or state == job.state
        self.seen.append((job.state, job.fence, job.dispatch_number))

    @invariant()
    def at_most_one_attempt_lives_and_only_while_the_job_is_processing(self):
        living = Attempt.objects.filter(job_id=self.job_id, ended_at=None).count()
        assert living == (self.job.state == State.PROCESSING)

    @invariant()
    def it_is_billed_exactly_if_it_was_delivered(self):
        records = UsageRecord.objects.filter(source_id=self.job_id).count()
        assert records == (self.job.state == State.SUCCEEDED)

    @invariant()
    def a_lane_is_held_only_between_admission_and_the_end(self):
        job = self.job
        assert job.lane is None or job.state in (State.QUEUED, State.PROCESSING)
        assert job.lane is not None or job.state != State.PROCESSING

    @invariant()
    def no_more_than_three_attempts_went_wrong(self):
        wrong = Attempt.objects.filter(job_id=self.job_id, outcome__in=["failed", "lost"])
        assert wrong.count() <= lifecycle.MAX_ATTEMPTS


def test_a_job_ends_once_and_is_billed_once_in_every_order(db):
    run_state_machine_as_test(
        OneJob,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
