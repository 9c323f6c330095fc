"""What the queues' messages are for. Each reads ids, calls one operation and returns: then its
message is deleted. What raises is put back, and after three receives becomes a dead letter."""

from uuid import UUID

import dramatiq
import structlog
from dramatiq.middleware import CurrentMessage

from jobs import dead_letters, previews, probing, sweeping
from jobs.child import ModelChild
from jobs.worker import Supervisor
from messaging import broker
from messaging.errors import NotOurs, PutBack
from messaging.heartbeat import held
from messaging.received import Received
from tenants.context import as_operator

log = structlog.get_logger(__name__)

EXPECTED = (PutBack, NotOurs)
supervisor = Supervisor(ModelChild(), broker.shared())


@dramatiq.actor(broker=broker.shared(), queue_name="lipsync", throws=EXPECTED)
def lipsync(job_id: str, tenant_id: str, dispatch: int | None = None) -> None:
    """Make one video, here and now; for minutes. `dispatch` is for people, and may be missing."""
    supervisor.work(UUID(job_id), UUID(tenant_id), _message())


@dramatiq.actor(broker=broker.shared(), queue_name="tasks", throws=EXPECTED)
def probe_job(job_id: str, tenant_id: str) -> None:
    """Look at a new job's two files, in a throw-away process: queued or refused. They are fetched
    first, which takes minutes where they are large."""
    with held(supervisor.hold(_message())):
        probing.probe_job(UUID(job_id), UUID(tenant_id))


@dramatiq.actor(broker=broker.shared(), queue_name="previews", throws=EXPECTED)
def make_preview(upload_id: str, tenant_id: str) -> None:
    """A poster, and a film where a browser can't play the source; for minutes perhaps."""
    with held(supervisor.hold(_message())):
        previews.make(UUID(upload_id), UUID(tenant_id))


@dramatiq.actor(broker=broker.shared(), queue_name="tasks-dead", throws=EXPECTED)
def make_preview_dead(upload_id: str, tenant_id: str) -> None:
    """Three times in vain: the video stays without; its next job asks again."""
    log.warning("preview_given_up", upload_id=upload_id, tenant_id=tenant_id)


@dramatiq.actor(broker=broker.shared(), queue_name="previews", throws=EXPECTED)
def sweep_files() -> None:
    """Files that no row owns; for minutes, where there are many. Beside the previews, of which a
    process takes one message at a time: its other thread stays free for the looks at new jobs."""
    with held(supervisor.hold(_message())):
        sweeping.sweep()


@dramatiq.actor(broker=broker.shared(), queue_name="tasks-dead", throws=EXPECTED)
def sweep_files_dead() -> None:
    """Three times in vain; tomorrow is another day."""
    log.warning("sweep_given_up")


# Who reads dead letters bears ids that a newer release added: what raises there comes for ever.
@dramatiq.actor(broker=broker.shared(), queue_name="lipsync-dead", throws=EXPECTED)
def lipsync_dead(job_id: str, tenant_id: str, dispatch: int | None = None, **newer: object) -> None:
    """A job's message died three times: send it once more, or end the job after hours of that.

    One without a number is older than the numbers are: the reconciler sends its job again.
    """
    _read_dead_letter(UUID(job_id), UUID(tenant_id), dispatch)


@dramatiq.actor(broker=broker.shared(), queue_name="tasks-dead", throws=EXPECTED)
def probe_job_dead(job_id: str, tenant_id: str, **newer: object) -> None:
    """A new job's files could not be looked at three times: likewise."""
    _read_dead_letter(UUID(job_id), UUID(tenant_id), None)


def _message() -> Received:
    """The one that this thread works on."""
    message = CurrentMessage.get_current_message()
    assert isinstance(message, Received)
    return message


def _read_dead_letter(job_id: UUID, tenant_id: UUID, dispatch: int | None) -> None:
    # Not as the tenant: under its policy the job's messages would be looked for row by row.
    with as_operator("read a dead letter"):
        job = dead_letters.read(job_id, dispatch=dispatch)
    outcome = job.state if job else "moved_on"
    log.warning("dead_letter_read", job_id=str(job_id), tenant_id=str(tenant_id), now=outcome)
