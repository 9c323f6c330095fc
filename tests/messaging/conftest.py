"""A queue server with AWS's rules, and queues of their own for each test."""

from collections.abc import Iterator
from uuid import uuid4

import dramatiq
import pytest

from messaging.broker import Broker
from tests.messaging.sqs import Queue, make_queues
from tests.strict_sqs.client import Strict
from tests.strict_sqs.server import started

VISIBILITY_SECONDS = 20  # a busy machine takes seconds; tests move the server's clock past it


@pytest.fixture(scope="session")
def queue_server() -> Iterator[str]:
    server = started()
    yield server.address
    server.shutdown()


@pytest.fixture
def strict(queue_server: str) -> Iterator[Strict]:
    """Moves the server's clock and lets calls go wrong, for one test."""
    steering = Strict(queue_server)
    yield steering
    steering.heal()


@pytest.fixture
def broker(queue_server: str, settings, monkeypatch) -> Broker:
    """A broker whose queues are new, with a visibility of VISIBILITY_SECONDS and 3 receives."""
    monkeypatch.setattr("messaging.sending.TURN_SECONDS", 60)  # all that is due, on any machine
    settings.SQS_BACK_OFF_SECONDS = 0
    mark = uuid4().hex[:8]
    settings.SQS_QUEUES = {
        "lipsync": f"{mark}.fifo",
        "lipsync-dead": f"{mark}-dead.fifo",
        "tasks": f"{mark}-tasks",
    }
    broker = Broker(
        wait_seconds=1,
        visibility_seconds=VISIBILITY_SECONDS,
        region_name="us-east-1",
        endpoint_url=queue_server,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    make_queues(broker.client, mark, visibility_seconds=VISIBILITY_SECONDS)
    return broker


@pytest.fixture
def queue(broker: Broker) -> Queue:
    return Queue(broker, "lipsync")


@pytest.fixture
def tasks(broker: Broker) -> Queue:
    return Queue(broker, "tasks")


@pytest.fixture
def start_worker(broker: Broker) -> Iterator:
    """Starts Dramatiq's own worker on the broker, as its command line does; stops it afterwards."""
    workers = []

    def start(**options) -> dramatiq.Worker:
        worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=100, **options)
        worker.start()
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.stop(timeout=60_000)
