"""The call had its effect and its caller never heard: what the next call makes of that."""

import dramatiq
import pytest
from django.db import transaction

from messaging.consumer import Consumer
from messaging.ids import new_id
from messaging.models import OutboxMessage
from messaging.outbox import enqueue, message
from messaging.sending import operating, send_due
from messaging.slots import Slots
from tests.messaging.sqs import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def consumer(broker):
    return Consumer(broker, "lipsync", Slots(1))


def write(dedup=None):
    with operating("test"), transaction.atomic():
        told = {"queue": "lipsync", "tenant_id": None, "group": "a-lane", "dedup": dedup}
        row = message("lipsync", {"job_id": new_id()}, **told)
        enqueue(row)
        return row


def test_a_receive_whose_answer_was_lost_is_answered_again_at_once(strict, queue, consumer):
    """Without the attempt's id the message would be hidden from all for a whole timeout."""
    lost = strict.fault("ReceiveMessage", when="after", error="cut")
    queue.send("lipsync", job_id="one")
    message = next(consumer)
    assert (message.kwargs, message.receives, lost.struck()) == ({"job_id": "one"}, 1, 1)


def test_a_delete_whose_answer_was_lost_is_no_failure(strict, queue, consumer, caplog):
    queue.send("lipsync", job_id="one")
    message = eventually(lambda: next(consumer))
    lost = strict.fault("DeleteMessage", when="after", error="cut")
    consumer.ack(message)
    assert (queue.size, consumer.slots.free, lost.struck()) == (0, 1, 1)


def test_a_send_whose_answer_was_lost_three_times_is_sent_again_and_delivered_once(
    broker, strict, queue
):
    """The client's three tries and ours of the next turn all bear the same id."""
    lost = strict.fault("SendMessage", when="after", error="cut", times=3)
    row = write()
    assert (send_due(broker), lost.struck()) == (0, 3)
    with operating("test"):
        assert OutboxMessage.objects.filter(id=row.id).update(not_before=None) == 1
    assert send_due(broker) == 1
    assert queue.size == 1


def test_a_second_dispatch_needs_a_number_of_its_own(broker, queue, consumer):
    """Its first message was received and deleted: SQS remembers the id for five minutes more."""
    write("job/1")
    send_due(broker)
    consumer.ack(next(consumer))
    write("job/1")
    assert send_due(broker) == 1
    assert queue.size == 0
    write("job/2")
    assert send_due(broker) == 1
    assert queue.size == 1


def test_a_throttled_send_is_sent_later(broker, strict, queue):
    throttled = strict.fault("SendMessage", error="throttled", times=3)
    row = write()
    assert (send_due(broker), throttled.struck()) == (0, 3)
    with operating("test"):
        left = OutboxMessage.objects.get(id=row.id)
    assert left.sent_at is None and "RequestThrottled" in left.last_error


@pytest.mark.parametrize("error", ["throttled", "503"])
def test_while_sqs_has_no_time_for_us_one_message_learns_it_for_all(broker, strict, error):
    strict.fault("SendMessage", error=error, times=None)
    for number in range(3):
        write(f"job/{number}")
    assert send_due(broker) == 0
    with operating("test"):
        tries = OutboxMessage.objects.order_by("id").values_list("send_attempts", flat=True)
        assert list(tries) == [1, 0, 0]


def test_a_worker_goes_on_after_the_queue_was_away(broker, strict, queue, start_worker):
    seen = []
    dramatiq.actor(
        lambda job_id: seen.append(job_id),
        actor_name="lipsync",
        queue_name="lipsync",
        broker=broker,
    )
    away = strict.fault("ReceiveMessage", error="503", times=None)
    start_worker()
    eventually(lambda: away.struck() >= 3)  # all tries of one call
    away.heal()
    queue.send("lipsync", job_id="one")
    eventually(lambda: seen == ["one"] and queue.size == 0)
