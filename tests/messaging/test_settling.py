"""What becomes of a message when its actor is done with it, or never was."""

import threading
from concurrent.futures import ThreadPoolExecutor

import dramatiq
import pytest
from dramatiq.middleware import CurrentMessage

from messaging.errors import DirectSend, NotOurs, PutBack
from messaging.queues import sqs_name
from tests.messaging import bodies
from tests.messaging.sqs import eventually


def actor(broker, function, name="lipsync", queue="lipsync"):
    return dramatiq.actor(function, actor_name=name, queue_name=queue, broker=broker)


def test_a_message_whose_actor_returns_is_deleted(broker, queue, start_worker):
    seen = []
    actor(broker, lambda job_id: seen.append(job_id))
    queue.send("lipsync", job_id="one")
    start_worker()
    eventually(lambda: seen == ["one"] and queue.size == 0)


def test_a_message_whose_actor_raises_is_put_back_and_received_again(broker, queue, start_worker):
    tries = []

    def fails_once(job_id):
        tries.append(job_id)
        if len(tries) == 1:
            raise RuntimeError("the first try fails")

    actor(broker, fails_once)
    queue.send("lipsync", job_id="one")
    start_worker()
    eventually(lambda: tries == ["one", "one"] and queue.size == 0)


def test_after_three_receives_the_dead_letter_actor_gets_the_message(broker, queue, start_worker):
    tries, buried = [], []

    def never_works(job_id):
        tries.append(job_id)
        raise RuntimeError("poison")

    actor(broker, never_works)
    actor(broker, lambda job_id: buried.append(job_id), "lipsync_dead", "lipsync-dead")
    queue.send("lipsync", job_id="one")
    start_worker()
    eventually(lambda: buried == ["one"])
    assert tries == ["one"] * 3


def test_an_actor_says_how_long_its_message_stays_hidden(broker, queue, start_worker):
    tries = []

    def later(job_id):
        tries.append(job_id)
        raise PutBack("the database is away", delay_seconds=60)

    actor(broker, later)
    queue.send("lipsync", job_id="one")
    start_worker()
    eventually(lambda: tries and broker.slots["lipsync"].free == 1)
    assert queue.count() == {"waiting": 0, "held": 1}


def test_a_lost_message_is_neither_deleted_nor_shown(broker, queue, start_worker, monkeypatch):
    """The stale receipt could hide or delete what its new owner holds, so it is not used at all."""
    calls = []
    monkeypatch.setattr(
        broker.client, "change_message_visibility", lambda **call: calls.append(call)
    )
    tries = []

    def loses(job_id):
        tries.append(job_id)
        raise NotOurs("another worker took over")

    actor(broker, loses)
    queue.send("lipsync", job_id="one")
    start_worker()
    eventually(lambda: tries and broker.slots["lipsync"].free == 1)
    assert (calls, queue.size) == ([], 1)


def test_a_message_for_an_actor_that_this_release_lacks_is_put_back(
    broker, queue, start_worker, settings
):
    settings.SQS_BACK_OFF_SECONDS = 60
    seen = []
    actor(broker, lambda job_id: seen.append(job_id))
    queue.send("of_the_next_release", job_id="one", group="lane-1")
    queue.send("lipsync", job_id="two", group="lane-2")
    start_worker()
    eventually(lambda: seen == ["two"])
    eventually(lambda: queue.count() == {"waiting": 0, "held": 1})


@pytest.mark.parametrize("body", bodies.UNREADABLE.values(), ids=bodies.UNREADABLE)
def test_a_body_that_is_no_message_stays_in_the_queue(broker, queue, start_worker, settings, body):
    settings.SQS_BACK_OFF_SECONDS = 60
    seen = []
    actor(broker, lambda job_id: seen.append(job_id))
    queue.send_body(body, group="lane-1")
    queue.send("lipsync", job_id="two", group="lane-2")
    start_worker()
    eventually(lambda: seen == ["two"])
    eventually(lambda: queue.count() == {"waiting": 0, "held": 1})


@pytest.mark.parametrize("error", ["InvalidParameterValue", "AccessDenied"])
def test_a_failed_delete_gives_the_slot_back(broker, queue, start_worker, strict, error):
    """The stock consumer never fetches again after one: the worker looks alive and does nothing."""
    seen = []
    actor(broker, lambda job_id: seen.append(job_id))
    strict.fault("DeleteMessage", error=error)
    queue.send("lipsync", job_id="one", group="lane-1")
    queue.send("lipsync", job_id="two", group="lane-2")
    start_worker()
    eventually(lambda: {"one", "two"} <= set(seen))
    strict.shift(30)  # "one" shows itself again after its visibility
    eventually(lambda: queue.size == 0)


def test_a_worker_holds_one_message_of_a_fifo_queue(broker, queue, start_worker):
    begun, go_on = threading.Semaphore(0), threading.Event()

    def waits(job_id):
        begun.release()
        go_on.wait(60)

    actor(broker, waits)
    queue.send("lipsync", job_id="one", group="lane-1")
    queue.send("lipsync", job_id="two", group="lane-2")
    start_worker()
    assert begun.acquire(timeout=60)
    assert queue.count() == {"waiting": 1, "held": 1}
    go_on.set()
    eventually(lambda: queue.size == 0)


def test_a_worker_holds_one_message_of_a_queue_of_long_work(broker, settings):
    assert broker.consume("tasks", prefetch=4).slots.size == 2
    broker.slots.clear()
    settings.SQS_ONE_AT_A_TIME = {"tasks"}
    assert broker.consume("tasks", prefetch=4).slots.size == 1


def test_a_worker_that_was_asked_to_stop_receives_no_more(broker, queue, start_worker):
    seen = []
    actor(broker, lambda job_id: seen.append(job_id))
    worker = start_worker()
    broker.stopping.set()
    eventually(lambda: worker.consumers["lipsync"].consumer is not None)
    worker.stop(timeout=60_000)
    queue.send("lipsync", job_id="one")
    assert queue.count() == {"waiting": 1, "held": 0} and seen == []


def test_a_message_that_came_with_the_last_poll_is_put_back_at_once(broker, queue, strict):
    """It was asked for before the process was told to stop, and nobody here will begin it."""
    queue.send("lipsync", job_id="one")
    on_its_way = strict.fault("ReceiveMessage", when="delay", milliseconds=60_000)
    last = broker.consume("lipsync")
    with ThreadPoolExecutor() as threads:
        poll = threads.submit(next, last)
        eventually(on_its_way.struck)
        broker.stopping.set()
        on_its_way.heal()
        assert poll.result(timeout=60) is None
    (message,) = strict.messages(sqs_name("lipsync"))
    assert (message.state, message.receives) == ("visible", 1)
    assert broker.slots["lipsync"].free == 1


def test_an_actor_cannot_be_sent_past_the_outbox(broker):
    lipsync = actor(broker, lambda job_id: None)
    with pytest.raises(DirectSend, match=r"outbox\.enqueue"):
        lipsync.send(job_id="one")


def test_a_queue_that_is_missing_is_not_made(broker, settings):
    settings.SQS_QUEUES = {**settings.SQS_QUEUES, "tasks": "nobody-made-this"}
    with pytest.raises(broker.client.exceptions.QueueDoesNotExist):
        broker.consume("tasks")


def test_a_message_that_was_lost_on_the_way_is_not_deleted_by_its_old_receipt(
    broker, queue, start_worker
):
    seen = []

    def loses_it_and_works_on(job_id):
        CurrentMessage.get_current_message().lost = True
        seen.append(job_id)

    actor(broker, loses_it_and_works_on)
    queue.send("lipsync", job_id="one")
    start_worker()
    eventually(lambda: seen and broker.slots["lipsync"].free == 1)
    assert queue.size == 1
