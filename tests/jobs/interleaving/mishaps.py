"""Time that passes, machines that break, a queue that forgets; and the operator who comes after."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from jobs import dead_letters, lifecycle, reconciling, redriving
from jobs.clock import database_now
from jobs.errors import NotRedrivable
from jobs.models import Attempt, Job, State
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tests.jobs.interleaving.hands import Told, row
from tests.jobs.interleaving.story import anyone, numbers
from tests.jobs.interleaving.workers import FAULT, Workers

MANY = dead_letters.LEAST + 1


class Mishaps(Workers):
    @rule(pick=anyone, noticed=st.booleans())
    def a_lease_runs_out(self, pick: int, noticed: bool) -> None:
        """Until somebody notices, its worker may still come first."""
        job, past = self.job(pick, in_hand=True), database_now() - timedelta(seconds=1)
        with acting_for(job.tenant_id):
            Attempt.objects.filter(job=job.id, ended_at=None).update(lease_expires_at=past)
        if noticed:
            self.reconcile()

    @rule(pick=anyone, how=st.sampled_from(["lost", "broken"]))
    def it_breaks_whoever_has_it(self, pick: int, how: str) -> None:
        job = self.job(pick)
        for _ in range(lifecycle.MAX_ATTEMPTS + 1):
            self.the_next_for("gpu-1")
            self.claim(job, "gpu-2")
            with acting_for(job.tenant_id):
                past = {"lease_expires_at": database_now() - timedelta(seconds=1)}
                live = Attempt.objects.filter(job=job.id, ended_at=None)
                if how == "lost":
                    live.update(**past)
                elif attempt := live.first():
                    lifecycle.fail(attempt.id, fence=attempt.fence, **FAULT)
            self.reconcile()
            if row(job).is_final:
                return

    @rule(pick=anyone, in_hand=st.booleans(), noticed=st.booleans())
    def a_deadline_passes(self, pick: int, in_hand: bool, noticed: bool) -> None:
        job, past = self.job(pick, in_hand=in_hand), database_now() - timedelta(seconds=1)
        with acting_for(job.tenant_id):
            Job.objects.unfinished().filter(id=job.id).update(deadline=past)
        if noticed:
            self.reconcile()

    @rule()
    def the_queue_is_emptied(self) -> None:
        """What was sent long ago and is nowhere any more."""
        long_ago = database_now() - timedelta(days=1)
        with as_operator("a test"):
            OutboxMessage.objects.update(sent_at=long_ago)
            Job.objects.unfinished().update(dispatched_at=long_ago)

    @rule()
    def reconcile(self) -> None:
        with as_operator("a test"):
            reconciling.reconcile()

    @rule(pick=anyone, back=numbers, times=st.sampled_from([1, MANY]))
    def messages_die(self, pick: int, back: int, times: int) -> None:
        """One an hour: so many of them are too many, unless they are old."""
        job = self.job(pick)
        for hours in range(times):
            with as_operator("a test"):
                OutboxMessage.objects.filter(sent_at=None).update(sent_at=database_now())
            with acting_for(job.tenant_id):
                now = Job.objects.get(id=job.id)
                number = None if now.state == State.VALIDATING else now.dispatch_number - back
                later = database_now() + timedelta(hours=hours)
                dead_letters.read(job.id, dispatch=number, now=later)

    @rule(pick=anyone)
    def redrive(self, pick: int) -> None:
        job = self.job(pick)
        failed = row(job).state == State.FAILED
        with as_operator("a test"):
            try:
                redriving.redrive(job.id, by="the operator")
            except NotRedrivable:
                return
            again = Job.objects.filter(retry_of=job.id).first()
        assert (again is not None) == failed
        self.jobs += [Told(again.id, job.tenant_id)] if again else []
