"""What workers do, with jobs that are theirs and with jobs that were theirs once."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from jobs import admission, lifecycle
from jobs.errors import NotClaimable
from jobs.models import Job, State
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tests.jobs import promised
from tests.jobs.interleaving.admission import Admission
from tests.jobs.interleaving.hands import Hand, Told, deliver, heard, piece, row
from tests.jobs.interleaving.story import anyone, numbers, tenants

LEASE = 300
FAULT: dict[str, Any] = {"code": "engine_fault", "message": "It broke.", "retry": True}
REFUSAL = {"code": "no_face", "message": "No face.", "retry": False}


class Workers(Admission):
    @rule(pick=anyone, worker=st.sampled_from(["gpu-1", "gpu-2"]))
    def a_message_reaches_a_worker(self, pick: int, worker: str) -> None:
        """The first, a repeated one, one of long ago: the claim alone decides."""
        self.claim(self.job(pick), worker)

    @rule(which=tenants, pick=anyone)
    def a_suspension_passes(self, which: int, pick: int) -> None:
        """Lanes are taken back and given anew, to others than before where a job is gone; then all
        messages that were ever written reach a worker."""
        self.suspend_or_resume(which, True)
        self.admit()
        self.cancel(pick, False)
        self.suspend_or_resume(which, False)
        self.admit()
        for job in [job for job in self.jobs if job.tenant_id == self.tenants[which].id]:
            self.all_messages_reach(job, "gpu-1")

    def all_messages_reach(self, job: Told, worker: str) -> None:
        """The oldest first: it may be of a lane that the job has no more."""
        with as_operator("a test"):
            written = OutboxMessage.objects.filter(actor="lipsync", payload__job_id=str(job.id))
            groups = list(written.order_by("id").values_list("group_id", flat=True))
        for group in groups:
            assert group is not None
            self.claim(job, worker, group=group)

    @rule()
    def gpu_1_takes_the_next(self) -> None:
        self.the_next_for("gpu-1")

    @rule()
    def gpu_2_takes_the_next(self) -> None:
        self.the_next_for("gpu-2")

    @rule()
    def gpu_3_takes_the_next(self) -> None:
        self.the_next_for("gpu-3")

    def the_next_for(self, worker: str) -> bool:
        """The usual course, so that stories get far; whether there was anything to do."""
        with as_operator("a test"):
            admission.admit()
            job = Job.objects.runnable().order_by("id").first() or self.a_new_one()
        if job:
            self.claim(Told(job.id, job.tenant_id), worker)
        return job is not None

    def a_new_one(self) -> Job | None:
        for job in Job.objects.filter(state=State.VALIDATING)[:1]:
            lifecycle.accept_probe(job.id)
        admission.admit()
        return Job.objects.runnable().first()

    def claim(self, job: Told, worker: str, group: str = "") -> None:
        before = row(job)
        runnable = before.state == State.QUEUED and before.lane is not None
        runnable = runnable and before.tenant.suspended_at is None
        runnable = runnable and group in ("", f"{job.tenant_id}/{before.lane}")
        try:
            with acting_for(job.tenant_id):
                attempt = lifecycle.claim(job.id, worker=worker, lease=LEASE, group=group)
        except NotClaimable:
            assert not runnable
        else:
            assert runnable
            self.hands.append(Hand(attempt.id, job, attempt.fence))

    @rule(pick=anyone, percent=st.integers(0, 100))
    def beat(self, pick: int, percent: int) -> None:
        with self.heard(pick) as hand:
            if hand:
                told: dict[str, Any] = {"stage": "generate", "percent": percent, "lease": LEASE}
                lifecycle.beat(hand.id, fence=hand.fence, **told)

    @rule(pick=anyone, number=numbers)
    def keep_a_piece(self, pick: int, number: int) -> None:
        with self.heard(pick) as hand:
            if hand:
                pieces = [piece(hand, number)]
                lifecycle.record_segments(hand.id, fence=hand.fence, segments=pieces)

    @rule(pick=anyone, number=numbers)
    def hand_over(self, pick: int, number: int) -> None:
        with self.heard(pick) as hand:
            if hand:
                lifecycle.release(hand.id, fence=hand.fence, segments=[piece(hand, number)])

    @rule(pick=anyone, problem=st.sampled_from([FAULT, FAULT, REFUSAL]))
    def fail(self, pick: int, problem: dict) -> None:
        with self.heard(pick) as hand:
            if hand:
                lifecycle.fail(hand.id, fence=hand.fence, **problem)

    @rule(pick=anyone)
    def succeed(self, pick: int) -> None:
        with self.heard(pick) as hand:
            if hand:
                deliver(hand)

    @rule(pick=anyone, at_once=st.booleans())
    def a_worker_hears_of_a_cancel(self, pick: int, at_once: bool) -> None:
        """Before or after it has lost the job. Not at once: something else may come first."""
        if not any(promised.is_alive(self.seen, hand.id) for hand in self.hands):
            return
        job = self.job(pick, in_hand=True)
        with acting_for(job.tenant_id):
            lifecycle.cancel(job.id, by="a test")
        for hand in [hand for hand in self.hands if hand.job == job and at_once]:
            with heard(hand):
                lifecycle.finish_cancel(hand.id, fence=hand.fence)
