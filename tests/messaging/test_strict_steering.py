"""What tests order to go wrong goes wrong just so, and is told afterwards."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.messaging.sqs import eventually
from tests.messaging.worlds import NOBODY


def client(address: str, **patience: float) -> Any:
    """One that tries each call once."""
    once = Config(retries={"mode": "standard", "total_max_attempts": 1}, **patience)
    return boto3.client("sqs", region_name="us-east-1", endpoint_url=address, config=once, **NOBODY)


class Caller:
    """One queue, by a client that tries each call once."""

    def __init__(self, address: str) -> None:
        self.sqs = client(address)
        self.name = f"{uuid4().hex}.fifo"
        made = self.sqs.create_queue(QueueName=self.name, Attributes={"FifoQueue": "true"})
        self.url = made["QueueUrl"]

    def send(self, dedup: str = "1") -> None:
        order = {"MessageGroupId": "a", "MessageDeduplicationId": dedup}
        self.sqs.send_message(QueueUrl=self.url, MessageBody="", **order)

    def receive(self) -> list[str]:
        got = self.sqs.receive_message(QueueUrl=self.url)
        return [one["MessageId"] for one in got.get("Messages", [])]


@pytest.fixture
def caller(queue_server):
    return Caller(queue_server)


@pytest.fixture
def fault(strict, caller):
    return lambda action, **how: strict.fault(action, queue=caller.name, **how)


def test_before_means_that_nothing_happened(strict, caller, fault):
    fault("SendMessage", error="503")
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        caller.send()
    assert strict.messages(caller.name) == []
    caller.send()
    assert len(strict.messages(caller.name)) == 1


def test_after_means_that_it_happened_and_nobody_heard(strict, caller, fault):
    fault("SendMessage", when="after", error="cut")
    with pytest.raises(ConnectionClosedError):
        caller.send()
    assert len(strict.messages(caller.name)) == 1


def test_only_a_receive_that_got_something_has_an_answer_to_lose(caller, fault):
    lost = fault("ReceiveMessage", when="after", error="cut")
    assert caller.receive() == []
    caller.send()
    with pytest.raises(ConnectionClosedError):
        caller.receive()
    assert lost.struck() == 1


def test_a_send_repeated_is_there_twice_for_all_its_id(strict, caller, fault):
    fault("SendMessage", when="repeat")
    caller.send()
    caller.send()
    assert [one.dedup for one in strict.messages(caller.name)] == ["1", "1"]


def test_a_receive_repeated_leaves_the_message_for_another(caller, fault):
    fault("ReceiveMessage", when="repeat")
    caller.send()
    first = caller.receive()
    assert first and caller.receive() == first
    assert caller.receive() == []


def test_a_late_call_has_its_effect_late(strict, caller, fault):
    late = fault("SendMessage", when="delay", milliseconds=60_000)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(caller.send, "first")
        eventually(late.struck)
        caller.send("second")
        late.heal()
        first.result(60)
    assert [one.dedup for one in strict.messages(caller.name)] == ["second", "first"]


def test_times_and_skip_count_the_calls(caller, fault):
    struck = fault("SendMessage", error="throttled", skip=1, times=2)
    caller.send("1")
    for dedup in "23":
        with pytest.raises(ClientError, match="RequestThrottled"):
            caller.send(dedup)
    caller.send("4")
    assert struck.struck() == 2


def test_the_same_seed_strikes_the_same_calls(caller, fault):
    def struck() -> list[bool]:
        ordered = fault("SendMessage", times=None, chance=0.5, seed=7)
        outcomes = [failed(caller) for _ in range(12)]
        ordered.heal()
        return outcomes

    first = struck()
    assert first == struck() and len(set(first)) == 2


def failed(caller):
    try:
        caller.send(uuid4().hex)
    except ClientError:
        return True
    return False


def test_a_fault_of_one_queue_or_call_is_none_of_another(strict, caller, queue_server):
    strict.fault("SendMessage", queue="another.fifo", times=None)
    strict.fault("DeleteMessage", queue=caller.name, times=None)
    caller.send()
    assert caller.receive()


def test_a_poll_whose_client_has_gone_takes_no_message(strict, caller):
    impatient = client(strict.address, read_timeout=0.5)
    with pytest.raises(ReadTimeoutError):
        impatient.receive_message(QueueUrl=caller.url, WaitTimeSeconds=20)
    impatient.close()
    caller.send()
    assert caller.receive()


def test_the_history_has_a_line_for_each_message_of_each_call(strict, caller, fault):
    fault("SendMessage", error="503")
    with pytest.raises(ClientError):
        caller.send()
    caller.send()
    caller.receive()
    told = [
        (line["action"], line["receives"], line["error"], line["fault"])
        for line in strict.history(queue=caller.name)
    ]
    assert told == [
        ("CreateQueue", None, None, None),
        ("SendMessage", None, "503", "before"),
        ("SendMessage", None, None, None),
        ("ReceiveMessage", 1, None, None),
    ]


def test_a_shifted_clock_ends_holds_and_memories(strict, caller):
    caller.send()
    first = caller.receive()
    assert strict.remembered(caller.name) == {"1"}
    strict.shift(301)
    assert strict.remembered(caller.name) == set()
    assert eventually(caller.receive) == first


def test_show_and_purge_act_at_once(strict, caller):
    caller.send()
    caller.receive()
    strict.show(caller.name)
    assert [one.state for one in strict.messages(caller.name)] == ["visible"]
    strict.purge(caller.name)
    assert strict.messages(caller.name) == []


def test_a_word_that_the_server_does_not_know_is_refused(strict):
    with pytest.raises(OSError, match="400"):
        strict.fault("SendMessage", colour="red")
