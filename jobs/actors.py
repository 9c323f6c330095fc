"""What the queues' messages are for. Each reads ids, calls one operation and returns: then its
message is deleted. What raises is put back, and after three receives becomes a dead letter."""

from uuid import UUID

import dramatiq
import structlog
from dramatiq.middleware import CurrentMessage

from jobs import lifecycle, metrics, probing
from jobs.child import ModelChild
from jobs.worker import Supervisor
from messaging import broker
from messaging.errors import NotOurs, PutBack
from messaging.received import Received
from tenants.context import acting_for

log = structlog.get_logger(__name__)

EXPECTED = (PutBack, NotOurs)
TOO_MANY_ATTEMPTS = {
    "code": "too_many_attempts",
    "message": "The job was begun several times and never came to an end.",
    "hint": "Send it once more; if it fails again, write to us with the job's id.",
}

supervisor = Supervisor(ModelChild(), broker.shared())


@dramatiq.actor(broker=broker.shared(), queue_name="lipsync", throws=EXPECTED)
def lipsync(job_id: str, tenant_id: str, dispatch: int) -> None:
    """Make one video, here and now; for minutes."""
    message = CurrentMessage.get_current_message()
    assert isinstance(message, Received)
    supervisor.work(UUID(job_id), UUID(tenant_id), message)


@dramatiq.actor(broker=broker.shared(), queue_name="tasks", throws=EXPECTED)
def probe_job(job_id: str, tenant_id: str) -> None:
    """Look at a new job's two files, in a throw-away process: queued or refused."""
    probing.probe_job(UUID(job_id), UUID(tenant_id))


@dramatiq.actor(broker=broker.shared(), queue_name="lipsync-dead", throws=EXPECTED)
def lipsync_dead(job_id: str, tenant_id: str, dispatch: int) -> None:
    """A job's message died three times: bring the job to its end, unless it has moved on."""
    with acting_for(UUID(tenant_id)):
        gave_up = lifecycle.give_up(UUID(job_id), dispatch=dispatch, **TOO_MANY_ATTEMPTS)
    if gave_up:
        metrics.failed_jobs.labels("too_many_attempts").inc()
    log.warning("dead_letter_read", job_id=job_id, tenant_id=tenant_id, gave_up=gave_up)


@dramatiq.actor(broker=broker.shared(), queue_name="tasks-dead", throws=EXPECTED)
def probe_job_dead(job_id: str, tenant_id: str) -> None:
    """A new job's files could not be looked at three times: refuse it."""
    with acting_for(UUID(tenant_id)):
        gave_up = lifecycle.give_up(UUID(job_id), dispatch=None, **TOO_MANY_ATTEMPTS)
    if gave_up:
        metrics.failed_jobs.labels("too_many_attempts").inc()
    log.warning("dead_letter_read", job_id=job_id, tenant_id=tenant_id, gave_up=gave_up)
