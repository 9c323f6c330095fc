"""All that can befall jobs, in any order: the moves that hypothesis plays.

Two tenants, with two lanes and with one. Workers forget nothing they ever claimed and may speak up
at any time; time passes by rewriting what it is compared with. Each story is one transaction that
is rolled back.
"""

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jobs import admission, dead_letters, lifecycle, reconciling, redriving, storage, submission
from jobs.clock import database_now
from jobs.errors import (
    IdempotencyKeyReused,
    NotCancelable,
    NotClaimable,
    NotRedrivable,
    NotRetryable,
    StaleAttempt,
    TooManyWaiting,
)
from jobs.lifecycle import StoredSegment
from jobs.models import Attempt, Job, State
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tenants.models import Limits, Tenant
from tests.jobs import promised
from tests.jobs.results import RESULT
from tests.making import a_tenant, an_upload

LEASE, MOST_WAITING = 300, 4
FILM = b"a film"
FACTS = RESULT | {"size_bytes": len(FILM), "sha256": hashlib.sha256(FILM).hexdigest()}
FAULT: dict[str, Any] = {"code": "engine_fault", "message": "It broke.", "retry": True}
REFUSAL = {"code": "no_face", "message": "No face.", "retry": False}
MANY = dead_letters.LEAST + 1

tenants = st.integers(0, 1)
anyone = st.integers(0, 999)  # a job or a hand; those that live are met three times as often
numbers = st.integers(0, 2)


@dataclass(frozen=True)
class Told:
    """A job as its owner remembers it."""

    id: UUID
    tenant_id: UUID


@dataclass(frozen=True)
class Hand:
    """An attempt as its worker remembers it, long after it has lost it perhaps."""

    id: UUID
    job: Told
    fence: int


class Engine(RuleBasedStateMachine):
    """After each move `promised.holds` looks at every row; at the end honest workers come, and then
    each job must end."""

    def __init__(self) -> None:
        super().__init__()
        self.story = transaction.atomic()
        self.story.__enter__()
        self.jobs: list[Told] = []
        self.hands: list[Hand] = []
        self.seen = promised.Seen()
        self.deadline = database_now() + timedelta(hours=1)
        self.tenants = [a_tenant("Acme", jobs_at_once=2), a_tenant("Globex", jobs_at_once=1)]
        self.pairs = {}
        for tenant in self.tenants:
            with acting_for(tenant.id):
                Limits.objects.update(jobs_waiting=MOST_WAITING)
                self.pairs[tenant.id] = an_upload("video"), an_upload("audio")

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.all_ends_well()
        finally:
            transaction.set_rollback(True)
            self.story.__exit__(None, None, None)

    @initialize()
    def three_jobs_wait_for_workers_and_one_for_its_probe(self) -> None:
        for which in (0, 0, 1, 1):
            self.submit(which, None, False)
        for job in self.jobs[:3]:
            with acting_for(job.tenant_id):
                lifecycle.accept_probe(job.id)
        self.admit()

    @invariant()
    def the_promise_holds(self) -> None:
        with as_operator("a test"):
            promised.holds(self.seen)

    def job(self, pick: int, *, in_hand: bool = False) -> Told:
        """in_hand: one that a worker is at, if there is any."""
        live = [job for job in self.jobs if not promised.has_ended(self.seen, job.id)]
        begun = [hand.job for hand in self.hands if promised.is_alive(self.seen, hand.id)]
        among = begun if begun and in_hand else [*self.jobs, *live, *live]
        chosen = among[pick % len(among)]
        note(f"{chosen.id} is {self.seen.jobs.get(chosen.id, {}).get('state', 'new')}")
        return chosen

    @contextmanager
    def heard(self, pick: int) -> Iterator[Hand | None]:
        """What the worker says counts if its attempt is alive, and is refused if it is not."""
        live = [hand for hand in self.hands if promised.is_alive(self.seen, hand.id)]
        chosen = [*self.hands, *live, *live]
        if not chosen:
            yield None
            return
        hand = chosen[pick % len(chosen)]
        with heard(hand):
            yield hand

    # --- the owner --------------------------------------------------------------------------------

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

    # --- the probe and admission ------------------------------------------------------------------

    @rule(pick=anyone, good=st.booleans())
    def its_files_are(self, pick: int, good: bool) -> None:
        job = self.job(pick)
        with acting_for(job.tenant_id):
            if good:
                lifecycle.accept_probe(job.id)
            else:
                lifecycle.refuse(job.id, code="no_video_stream", message="No picture.")

    @rule()
    def admit(self) -> None:
        with as_operator("a test"):
            admission.admit()

    @rule(which=tenants, suspended=st.sampled_from([True, False, False]))
    def suspend_or_resume(self, which: int, suspended: bool) -> None:
        with as_operator("a test"):
            tenant = Tenant.objects.filter(id=self.tenants[which].id)
            tenant.update(suspended_at=database_now() if suspended else None)

    # --- workers ----------------------------------------------------------------------------------

    @rule(pick=anyone, worker=st.sampled_from(["gpu-1", "gpu-2"]))
    def a_message_reaches_a_worker(self, pick: int, worker: str) -> None:
        """The first, a repeated one, one of long ago: the claim alone decides."""
        self.claim(self.job(pick), worker)

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

    def claim(self, job: Told, worker: str) -> None:
        before = row(job)
        runnable = before.state == State.QUEUED and before.lane is not None
        runnable = runnable and before.tenant.suspended_at is None
        try:
            with acting_for(job.tenant_id):
                attempt = lifecycle.claim(job.id, worker=worker, lease=LEASE)
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

    # --- time, and the queue ----------------------------------------------------------------------

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

    # --- the end ----------------------------------------------------------------------------------

    def all_ends_well(self) -> None:
        """Honest workers and a queue that forgets nothing: then every job comes to its end."""
        with as_operator("a test"):
            Tenant.objects.update(suspended_at=None)
        rounds = 0
        while self.an_honest_round_leaves_something():
            rounds += 1
            assert rounds <= 2 * MOST_WAITING, "some job never ends"
        self.the_promise_holds()
        with as_operator("a test"):
            OutboxMessage.objects.update(sent_at=database_now())
        promised.is_kept(self.seen)

    def an_honest_round_leaves_something(self) -> bool:
        with as_operator("a test"):
            alive = set(Attempt.objects.filter(ended_at=None).values_list("id", flat=True))
        for hand in [hand for hand in self.hands if hand.id in alive]:
            with heard(hand):
                deliver(hand)
        while self.the_next_for("an honest one"):
            pass
        with as_operator("a test"):
            return Job.objects.unfinished().exists()


def row(job: Told) -> Job:
    with acting_for(job.tenant_id):
        return Job.objects.select_related("tenant").get(id=job.id)


@contextmanager
def heard(hand: Hand) -> Iterator[None]:
    with acting_for(hand.job.tenant_id):
        alive = Attempt.objects.filter(id=hand.id, ended_at=None).exists()
    try:
        with acting_for(hand.job.tenant_id):
            yield
    except StaleAttempt:
        assert not alive, "a living attempt was refused"
    else:
        assert alive, "a dead attempt was heard"


def piece(hand: Hand, number: int) -> StoredSegment:
    keys = storage.segment_keys(hand.job.tenant_id, hand.job.id, hand.id, number)
    return StoredSegment(number, *keys, 1000, "ab" * 32)


def deliver(hand: Hand) -> None:
    """Inside acting_for(): the file is in the storage whatever becomes of the attempt."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(FILM)
        file.flush()
        key = storage.put_result(Path(file.name), hand.job.tenant_id, hand.job.id, hand.id)
    lifecycle.succeed(hand.id, fence=hand.fence, result=FACTS, output_key=key)
