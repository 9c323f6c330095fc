"""A task worker has two threads; long work may have one of them and never both."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq
import pytest

from jobs import actors, previews, probing, sweeping
from messaging.broker import Broker
from messaging.ids import new_id
from tests.messaging.sqs import eventually

QUEUES = {"tasks", "previews"}
IDS = {"tenant_id": str(new_id())}


@pytest.fixture
def worker(queues: str, db, settings) -> Iterator[Broker]:
    """A worker as the Procfile starts it; its broker has the product's own actors."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    broker = Broker(
        wait_seconds=0,
        visibility_seconds=60,
        region_name="us-east-1",
        endpoint_url=queues,
        **keys,
    )
    for actor in (actors.probe_job, actors.sweep_files, actors.make_preview):
        broker.declare_actor(actor)
    worker = dramatiq.Worker(broker, queues=QUEUES, worker_threads=2, worker_timeout=100)
    worker.start()
    yield broker
    worker.stop(timeout=5000)


def send(broker: Broker, actor: dramatiq.Actor, **ids: str) -> None:
    name = actor.actor_name
    broker.send(actor.queue_name, name, ids, message_id=str(new_id()), group_id=None, dedup_id=None)


def test_a_new_job_is_looked_at_while_a_sweep_and_a_preview_take_their_time(worker, monkeypatch):
    over, begun, seen = threading.Event(), [], []

    def takes_long(*_) -> None:
        begun.append(1)
        over.wait(120)

    monkeypatch.setattr(sweeping, "sweep", takes_long)
    monkeypatch.setattr(previews, "make", takes_long)
    monkeypatch.setattr(probing, "probe_job", lambda *ids: seen.append(ids))
    try:
        send(worker, actors.sweep_files)
        for _ in range(2):
            send(worker, actors.make_preview, upload_id=str(new_id()), **IDS)
        eventually(lambda: begun)
        for _ in range(3):
            send(worker, actors.probe_job, job_id=str(new_id()), **IDS)
        eventually(lambda: len(seen) == 3)
        assert len(begun) == 1
    finally:
        over.set()


def test_a_look_at_large_files_holds_its_message(worker, monkeypatch):
    """Else it shows itself while it is worked on, and others fetch the same files."""
    held, seen = [], []

    @contextmanager
    def hold(message) -> Iterator[None]:
        held.append(message)
        yield
        held.remove(message)

    monkeypatch.setattr(actors.supervisor, "hold", lambda message: message.actor_name)
    monkeypatch.setattr(actors, "held", hold)
    monkeypatch.setattr(probing, "probe_job", lambda *_: seen.append(list(held)))
    send(worker, actors.probe_job, job_id=str(new_id()), **IDS)
    eventually(lambda: seen)
    assert "probe_job" in seen[0]  # perhaps beside what another test left in the queue
