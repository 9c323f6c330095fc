"""What owners of jobs do."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from jobs import lifecycle, submission
from jobs.errors import IdempotencyKeyReused, NotCancelable, NotRetryable, TooManyWaiting
from jobs.models import State
from tenants.context import acting_for
from tests.jobs.interleaving.hands import Told, row
from tests.jobs.interleaving.story import Story, anyone, tenants


class Owner(Story):
    @rule(which=tenants, key=st.sampled_from([None, None, "k"]), has_deadline=st.booleans())
    def submit(self, which: int, key: str | None, has_deadline: bool) -> None:
        tenant_id = self.tenants[which].id
        video, audio = self.pairs[tenant_id]
        told: dict[str, Any] = {"options": {}, "submitted_by": "a test", "idempotency_key": key}
        told["deadline"] = self.deadline if has_deadline else None
        try:
            with acting_for(tenant_id):
                job, replayed = submission.submit(video_id=video.id, audio_id=audio.id, **told)
        except (TooManyWaiting, IdempotencyKeyReused):
            return
        if not replayed:
            self.jobs.append(Told(job.id, tenant_id))

    @rule(pick=anyone)
    def retry(self, pick: int) -> None:
        job = self.job(pick)
        failed = row(job).state == State.FAILED
        try:
            with acting_for(job.tenant_id):
                new, replayed = lifecycle.retry(job.id, by="a test")
        except NotRetryable:
            assert not failed
        except TooManyWaiting:
            assert failed
        else:
            assert failed and new.retry_of_id == job.id
            assert replayed == (new.id in self.seen.jobs)
            self.jobs += [] if replayed else [Told(new.id, job.tenant_id)]

    @rule(pick=anyone, in_hand=st.booleans())
    def cancel(self, pick: int, in_hand: bool) -> None:
        job = self.job(pick, in_hand=in_hand)
        too_late = row(job).state in (State.SUCCEEDED, State.FAILED)
        try:
            with acting_for(job.tenant_id):
                lifecycle.cancel(job.id, by="a test")
        except NotCancelable:
            assert too_late
        else:
            assert not too_late
