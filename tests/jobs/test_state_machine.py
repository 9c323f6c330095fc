"""Whatever workers, tenants and clocks do in whatever order: a job ends once and is billed once."""

from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.models import UsageRecord
from jobs import dead_letters, lifecycle
from jobs.admission import admit
from jobs.clock import database_now
from jobs.errors import NotCancelable, NotClaimable, StaleAttempt
from jobs.models import TERMINAL, Attempt, Job, State
from jobs.reconciling import reconcile
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tests.jobs.results import RESULT
from tests.making import a_queued_job

FAULT = {"code": "engine_fault", "message": "It broke."}
REFUSAL = {"code": "no_face", "message": "No face."}
WORDS = {
    "beat": (lifecycle.beat, {"stage": "generate", "percent": 50, "lease": 300}),
    "fault": (lifecycle.fail, {**FAULT, "retry": True}),
    "refusal": (lifecycle.fail, {**REFUSAL, "retry": False}),
    "release": (lifecycle.release, {}),
    "success": (lifecycle.succeed, {"result": RESULT, "output_key": "t/j/a.mp4"}),
}


class Story:
    """A job between workers that forget nothing they ever claimed, and all that can befall it."""

    def __init__(self) -> None:
        self.job_id = a_queued_job().id
        self.attempts: list[Attempt] = []
        self.before = Job.objects.get()
        with as_operator("a test"):
            admit()

    def claim(self) -> None:
        job = Job.objects.get()
        runnable = job.state == State.QUEUED and job.lane is not None
        try:
            attempt = lifecycle.claim(self.job_id, worker="gpu-1", lease=300)
        except NotClaimable:
            assert not runnable
        else:
            assert runnable
            self.attempts.append(attempt)

    def say(self, word: str, back: int) -> None:
        """The worker of the last attempt, or of one before it, is heard if the job is still its."""
        if not self.attempts:
            return
        attempt = self.attempts[-1 - back % len(self.attempts)]
        live = Attempt.objects.filter(id=attempt.id, ended_at=None).exists()
        operation, told = WORDS[word]
        try:
            operation(attempt.id, fence=attempt.fence, **told)
        except StaleAttempt:
            assert not live
        else:
            assert live

    def the_lease_runs_out(self) -> None:
        past = database_now() - timedelta(seconds=1)
        Attempt.objects.filter(ended_at=None).update(lease_expires_at=past)
        with as_operator("a test"):
            reconcile()

    def the_queue_forgets(self) -> None:
        with as_operator("a test"):
            OutboxMessage.objects.update(sent_at=database_now())
            Job.objects.update(dispatched_at=database_now() - timedelta(days=1))
            reconcile()

    def cancel(self) -> None:
        state = Job.objects.get().state
        try:
            lifecycle.cancel(self.job_id, by="a test")
        except NotCancelable:
            assert state in (State.SUCCEEDED, State.FAILED)

    def a_probe_comes_late(self) -> None:
        lifecycle.refuse(self.job_id, code="no_video_stream", message="No picture.")

    def an_old_message_dies(self) -> None:
        old = Job.objects.get().dispatch_number - 1
        assert dead_letters.read(self.job_id, dispatch=old) is None

    def the_message_dies(self) -> None:
        dead_letters.read(self.job_id, dispatch=Job.objects.get().dispatch_number)

    def its_messages_die_for_hours(self) -> None:
        newest = Job.objects.get().dispatch_number
        later = database_now() + timedelta(hours=4)
        dead_letters.read(self.job_id, dispatch=newest, now=later)

    def check(self) -> None:
        job, before = Job.objects.get(), self.before
        outcomes = list(Attempt.objects.values_list("outcome", flat=True))
        assert before.state not in TERMINAL or before.state == job.state
        assert job.fence >= before.fence and job.dispatch_number >= before.dispatch_number
        assert outcomes.count("") == (job.state == State.PROCESSING)
        assert outcomes.count("failed") + outcomes.count("lost") <= lifecycle.MAX_ATTEMPTS
        assert (job.lane is None) == job.is_final
        assert UsageRecord.objects.count() == (job.state == State.SUCCEEDED)
        self.before = job


EVENTS = st.one_of(
    st.just(("claim",)),
    st.tuples(st.just("say"), st.sampled_from(sorted(WORDS)), st.integers(0, 2)),
    st.sampled_from(
        [
            ("claim",),
            ("the_lease_runs_out",),
            ("the_queue_forgets",),
            ("a_probe_comes_late",),
            ("an_old_message_dies",),
            ("the_message_dies",),
            ("its_messages_die_for_hours",),
            ("cancel",),
        ]
    ),
)


# No shrinking: each example is a transaction, and a story of fifteen lines can be read as it is.
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(events=st.lists(EVENTS, min_size=6, max_size=15))
@pytest.mark.django_db
def test_a_job_ends_once_and_is_billed_once_in_every_order(acme, events):
    with acting_for(acme.id):
        story = Story()
        for event, *told in [("claim",), *events]:
            getattr(story, event)(*told)
            story.check()
        transaction.set_rollback(True)
