"""From a row written with its reason to a message in the queue, whatever dies in between."""

from datetime import timedelta
from itertools import count
from types import SimpleNamespace

import pytest
from django.db import transaction
from django.utils import timezone

from messaging.errors import MissingGroup, UnknownQueue
from messaging.ids import new_id
from messaging.models import OutboxMessage
from messaging.outbox import enqueue, message, prune
from messaging.sending import TURN_SECONDS, operating, send_due, take_over
from tests.strict_sqs.queue import MOST_BYTES

pytestmark = pytest.mark.django_db(transaction=True)


def write(**changes):
    with operating("test"):
        told = {"queue": "lipsync", "tenant_id": None, "group": "a-lane", **changes}
        row = message("lipsync", {"job_id": new_id()}, **told)
        enqueue(row)
        return row


def row(written):
    with operating("test"):
        return OutboxMessage.objects.get(id=written.id)


def received(broker, name="lipsync"):
    answer = broker.client.receive_message(
        QueueUrl=broker.url(name), MessageSystemAttributeNames=["All"], VisibilityTimeout=0
    )
    return answer.get("Messages", [])


def test_a_message_is_sent_once_and_marked(broker, queue):
    message = write()
    assert send_due(broker) == 1
    assert send_due(broker) == 0
    assert queue.size == 1
    assert row(message).sent_at is not None


def test_a_message_of_a_transaction_that_was_rolled_back_never_existed(broker, queue):
    with pytest.raises(RuntimeError), transaction.atomic():
        write()
        raise RuntimeError("its reason failed")
    assert send_due(broker) == 0


def test_group_and_deduplication_reach_the_queue(broker):
    write(group="tenant/1", dedup="job/7")
    send_due(broker)
    (message,) = received(broker)
    assert message["Attributes"]["MessageGroupId"] == "tenant/1"
    assert message["Attributes"]["MessageDeduplicationId"] == "job/7"


def test_a_death_between_sending_and_marking_sends_again_with_the_same_deduplication_id(
    broker, queue, monkeypatch
):
    def dies(name):
        if name == "outbox.sent":
            raise SystemExit(name)

    message = write()
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr("messaging.sending.crash_point", dies)
        send_due(broker)
    assert queue.size == 1 and row(message).sent_at is None
    assert send_due(broker) == 0  # the dead process's claim holds for a minute
    assert take_over() == 1  # the next leader does so at once
    assert send_due(broker) == 1
    assert queue.size == 1  # folded into the first by the queue
    assert row(message).sent_at is not None


def test_a_failure_is_recorded_and_the_next_try_comes_later(broker, settings):
    lost = write()
    settings.SQS_QUEUES = {**settings.SQS_QUEUES, "lipsync": "nobody-made-this.fifo"}
    assert send_due(broker) == 0
    failed = row(lost)
    assert "NonExistentQueue" in failed.last_error or "does not exist" in failed.last_error
    assert failed.not_before > failed.created_at
    assert (failed.send_attempts, failed.claimed_until) == (1, None)


def test_a_message_that_fails_holds_up_no_other(broker, settings, tasks):
    settings.SQS_QUEUES = {**settings.SQS_QUEUES, "lipsync": "nobody-made-this.fifo"}
    write()
    write(queue="tasks")
    assert send_due(broker) == 1
    assert tasks.size == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"payload": ["no", "names"]},
        {"payload": "a text"},
        {"payload": {"note": "x" * MOST_BYTES}},
        {"group_id": "", "dedup_id": ""},
    ],
    ids=["a list for a payload", "a text for one", "more than SQS takes", "an empty group"],
)
def test_a_row_that_cannot_be_made_a_message_holds_up_no_other(broker, tasks, broken):
    """Nobody of ours writes one. A dispatcher that died of it would die of it again and again."""
    lost = write()
    with operating("test"):
        OutboxMessage.objects.filter(id=lost.id).update(**broken)
    for _ in range(5):
        write(queue="tasks")
    assert sum(iter(lambda: send_due(broker), 0)) == 5
    assert (tasks.size, row(lost).sent_at) == (5, None)
    assert row(lost).last_error and row(lost).send_attempts == 1


def test_a_claim_that_takes_a_whole_turn_still_sends_a_message(broker, queue, monkeypatch):
    """The database is slow: by its clock each look comes more than half a turn after the last."""
    looks = count(0, 0.6 * TURN_SECONDS)
    monkeypatch.setattr("messaging.sending.TURN_SECONDS", TURN_SECONDS)
    monkeypatch.setattr("messaging.sending.time", SimpleNamespace(monotonic=lambda: next(looks)))
    for _ in range(2):
        write()
    assert [send_due(broker), send_due(broker)] == [1, 1]
    assert queue.size == 2


def test_a_message_waits_for_its_time(broker, queue):
    write(not_before=timezone.now() + timedelta(hours=1))
    assert send_due(broker) == 0


def test_a_claim_runs_out_by_itself(broker, queue):
    message = write()
    with operating("test"):
        before = timezone.now() - timedelta(seconds=1)
        OutboxMessage.objects.filter(id=message.id).update(claimed_until=before)
    assert send_due(broker) == 1


def test_a_row_in_another_dispatchers_hands_is_left_to_it(broker, queue):
    message = write()
    with operating("test"):
        later = timezone.now() + timedelta(minutes=1)
        OutboxMessage.objects.filter(id=message.id).update(claimed_until=later)
    assert send_due(broker) == 0


def test_a_queue_that_nobody_knows_is_refused_at_once(broker):
    with pytest.raises(UnknownQueue, match="SQS_QUEUES"):
        write(queue="lipsink")


def test_a_fifo_queue_asks_for_the_group(broker):
    with pytest.raises(MissingGroup):
        write(group=None)


def test_old_messages_are_pruned_and_unsent_ones_are_kept(broker):
    sent, unsent = write(), write()
    with operating("test"):
        old = timezone.now() - timedelta(days=8)
        OutboxMessage.objects.filter(id=sent.id).update(sent_at=old)
        prune()
        assert list(OutboxMessage.objects.all()) == [unsent]
