"""What a queue takes, and what it refuses."""

from tests.messaging.contract.differences import INVALID
from tests.messaging.worlds import HOLD_SECONDS, outcome


def test_a_fifo_queue_refuses_a_delay_of_one_message(fifo):
    assert outcome(lambda: fifo.send("one", DelaySeconds=5)) == INVALID


def test_a_standard_queue_delays_a_message(world, standard):
    standard.send("later", DelaySeconds=HOLD_SECONDS)
    assert standard.bodies() == []
    world.pass_time(HOLD_SECONDS + 1)
    assert standard.bodies() == ["later"]


def test_a_fifo_queue_asks_for_a_group_and_an_id(world, fifo):
    without = {"QueueUrl": fifo.url, "MessageBody": "one"}
    no_group = outcome(lambda: world.client.send_message(**without, MessageDeduplicationId="1"))
    no_id = outcome(lambda: world.client.send_message(**without, MessageGroupId="a"))
    assert no_group in (INVALID, "MissingParameter")
    assert no_id == INVALID


def test_a_message_holds_a_mebibyte_and_no_more(fifo):
    assert outcome(lambda: fifo.send("x" * (1 << 20))) == "accepted"
    assert outcome(lambda: fifo.send("x" * ((1 << 20) + 1))) == INVALID


def test_a_queue_that_is_not_there_is_said_not_to_exist(world):
    code = outcome(lambda: world.client.get_queue_url(QueueName="nobody-made-this"))
    assert code == "AWS.SimpleQueueService.NonExistentQueue"


def test_a_batch_may_fail_in_parts(world, fifo):
    fifo.send("one")
    (message,) = fifo.receive(VisibilityTimeout=60)
    receipts = {"good": message["ReceiptHandle"], "bad": "of no queue"}
    answer = world.client.delete_message_batch(
        QueueUrl=fifo.url,
        Entries=[{"Id": name, "ReceiptHandle": one} for name, one in receipts.items()],
    )
    assert [one["Id"] for one in answer["Successful"]] == ["good"]
    assert [(one["Id"], one["Code"]) for one in answer["Failed"]] == [
        ("bad", "ReceiptHandleIsInvalid")
    ]
