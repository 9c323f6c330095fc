"""The supervisor: one message, one video. It never touches pixels; the model's process does.

claim -> fetch inputs, and the pieces that earlier attempts have finished -> model -> look at the
file -> put it under the attempt's key -> succeed, in one transaction -> return, which deletes the
message. Whatever dies in between, the lease runs out and the job is dispatched again, to go on
from its pieces; the fence keeps two workers from both finishing it.
"""

import os
import socket
import time
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connections

from jobs import lifecycle, metrics, pieces, storage
from jobs.child import ModelChild
from jobs.errors import NotClaimable, StaleAttempt, TenantSuspended
from jobs.failures import TRY_AGAIN
from jobs.fitness import Fitness
from jobs.folders import work_folder
from jobs.keeper import CancelRequested, HandOver, Keeper, LeaseLost
from jobs.model_events import EngineFailed
from jobs.models import Job, State
from jobs.pieces import Pieces
from jobs.producing import SEGMENTS, Order, produce
from jobs.settling import settle
from messaging.broker import Broker
from messaging.crashpoints import crash_point
from messaging.errors import NotOurs
from messaging.gone import GONE
from messaging.heartbeat import Hold
from messaging.ids import new_id
from messaging.received import Received
from tenants.context import acting_for
from tenants.models import Limits

log = structlog.get_logger(__name__)

WORKER_FAULT = "Something went wrong on our side while the video was processed."


class Supervisor:
    """Works on one job at a time. Its name is new with each start: a pod's name comes again."""

    def __init__(self, model: ModelChild, broker: Broker) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{str(new_id())[-8:]}"
        self.model = model
        self.broker = broker
        self.fitness = Fitness(model, broker)

    def work(self, job_id: UUID, tenant_id: UUID, message: Received) -> None:
        """See the job to an end of this attempt. Returning means: delete the message.

        Raises NotOurs when the lease was lost and the job goes on, or this worker has no model:
        leave the message alone. Any other exception puts the message back; the job itself is picked
        up again when its lease has run out.
        """
        self.fitness.check(message, self.hold(message))
        try:
            order = self._claim(job_id, tenant_id, message.group)
        except NotClaimable as refusal:
            if isinstance(refusal, TenantSuspended):
                let_step_back(job_id, tenant_id)
            # A repeated message, or one of a job that was canceled or dispatched again meanwhile.
            log.info("job_not_claimed", job_id=str(job_id), reason=str(refusal))
            return
        ids = {"job_id": str(job_id), "tenant_id": str(tenant_id), "fence": order.fence}
        named = structlog.contextvars.bound_contextvars(attempt_id=str(order.attempt_id), **ids)
        with named, metrics.working.track_inprogress():
            self._attempt(order, message)

    def hold(self, message: Received) -> Hold:
        """What keeps the message from others, as long and as often as the settings say."""
        return Hold(
            self.broker.client,
            message,
            visibility_seconds=settings.SQS_VISIBILITY_SECONDS,
            beat_seconds=settings.HEARTBEAT_SECONDS,
        )

    def _claim(self, job_id: UUID, tenant_id: UUID, group: str) -> Order:
        lease = settings.JOB_LEASE_SECONDS
        with acting_for(tenant_id):
            attempt = lifecycle.claim(job_id, worker=self.name, lease=lease, group=group)
            job = attempt.job
            return Order(
                job_id=job.id,
                tenant_id=tenant_id,
                attempt_id=attempt.id,
                fence=attempt.fence,
                video=job.video,
                audio=job.audio,
                options=job.options,
                most_seconds=Limits.objects.get().video_seconds,
            )

    def _attempt(self, order: Order, message: Received) -> None:
        log.info("attempt_started")
        owner = (order.attempt_id, order.tenant_id, order.fence)
        with Keeper(*owner, self.hold(message), self.broker.stopping) as keeper:
            try:
                over = self._see_through(order, keeper).is_final
            except (LeaseLost, StaleAttempt) as lost:
                metrics.lost_attempts.inc()
                if not _has_ended(order):
                    raise NotOurs(str(lost)) from lost
                # Nobody needs the message; while it stays hidden its lane is blocked.
                log.info("attempt_outlived_by_its_job")
                over = True
        if over:
            pieces.remove(order.tenant_id, order.job_id)

    def _see_through(self, order: Order, keeper: Keeper) -> Job:
        """One of the six ends of an attempt. Raises LeaseLost, StaleAttempt."""
        made = Pieces(order, keeper)
        try:
            return self._deliver(order, keeper, made)
        except HandOver:
            return _hand_over(order, keeper, made)
        except CancelRequested:
            log.info("attempt_canceled")
            return settle(order, keeper, lifecycle.finish_cancel)
        except EngineFailed as problem:
            if self.model.broken:
                return _pass_on(order, keeper, problem)
            return self._fail(order, keeper, problem)
        except (LeaseLost, StaleAttempt, *GONE):
            raise  # nothing can be recorded: the lease runs out, the job is tried again
        except Exception:  # storage out of reach, disk full, a mistake of ours
            log.exception("attempt_broke")
            fault = EngineFailed("worker_fault", WORKER_FAULT, hint=TRY_AGAIN)
            return self._fail(order, keeper, fault)

    def _deliver(self, order: Order, keeper: Keeper, made: Pieces) -> Job:
        begun = time.monotonic()
        with work_folder(str(order.attempt_id)) as folder, made.kept_in(folder / SEGMENTS):
            file, facts = produce(order, folder, self.model, keeper)
            made.stop()
            key = _put(order, file, keeper)
        seconds = round(time.monotonic() - begun, 3)
        result = {**facts, "processing_seconds": seconds}
        job = settle(order, keeper, lifecycle.succeed, result=result, output_key=key)
        if job.state == State.CANCELED:  # the cancel came between the last step and the commit
            _remove(key)
            log.info("attempt_canceled")
            return job
        metrics.videos_processed.inc()
        metrics.processing_seconds.observe(seconds)
        log.info("job_succeeded", seconds=seconds, size_bytes=facts["size_bytes"])
        return job

    def _fail(self, order: Order, keeper: Keeper, problem: EngineFailed) -> Job:
        """A refusal ends the job, a fault tries again; how often, lifecycle.fail() knows."""
        told = {"code": problem.code, "message": problem.message, "hint": problem.hint}
        job = settle(order, keeper, lifecycle.fail, **told, retry=not problem.refusal)
        metrics.failed_attempts.labels(problem.code).inc()
        if job.state == State.FAILED:
            metrics.failed_jobs.labels(problem.code).inc()
        log.warning("attempt_failed", code=problem.code, reason=problem.message, job=job.state)
        return job


def let_step_back(job_id: UUID, tenant_id: UUID) -> None:
    """Its message goes: with a lane it would seem to be sent, and nobody would send it again when
    the suspension is lifted before admission has seen it."""
    with acting_for(tenant_id):
        job = Job.objects.runnable().select_for_update(of=("self",)).filter(id=job_id)
        lifecycle.step_back(list(job))


def _put(order: Order, file: Path, keeper: Keeper) -> str:
    """Store the result under the attempt's key. A worker whose lease has run out writes nothing.

    What was put and then not delivered stays: the sweeper takes it. Removing it here could remove
    a result whose delivery was recorded, and only the answer lost.
    """
    keeper.report("finish", 99)
    keeper.check_ours()
    crash_point("result.before_put")
    ids = (order.tenant_id, order.job_id, order.attempt_id)
    key = storage.put_result(file, *ids, keeper.progressed)
    crash_point("result.put")
    return key


def _remove(key: str) -> None:
    """Nobody wants the result. What stays, the sweeper takes."""
    try:
        storage.outputs().delete(key)
    except Exception as problem:  # out of reach; the end of the job is recorded
        log.warning("result_not_removed", problem=str(problem))


def _has_ended(order: Order) -> bool:
    """Whether the job is final: by its deadline, or by a commit whose answer was lost."""
    try:
        with acting_for(order.tenant_id):
            return Job.objects.get(id=order.job_id).is_final
    except (*GONE, Job.DoesNotExist) as problem:
        connections.close_all()
        log.warning("job_not_read", problem=str(problem))
        return False


def _hand_over(order: Order, keeper: Keeper, made: Pieces) -> Job:
    """The last pieces are recorded with the release: the next worker goes on from all of them."""
    job = settle(order, keeper, lifecycle.release, segments=tuple(made.unrecorded))
    metrics.put_pieces.inc(len(made.unrecorded))
    metrics.handed_over_jobs.inc()
    log.info("attempt_handed_over")
    return job


def _pass_on(order: Order, keeper: Keeper, problem: EngineFailed) -> Job:
    """The model never got ready: this worker is to blame, or the release, and not the job.

    After a pause, for workers that come and go would otherwise pass it round without one.
    """
    told = {"code": problem.code, "message": problem.message}
    job = settle(order, keeper, lifecycle.release, **told, after_seconds=settings.RETRY_SECONDS)
    metrics.failed_attempts.labels(problem.code).inc()
    log.error("attempt_without_a_model", code=problem.code, reason=problem.message)
    return job
