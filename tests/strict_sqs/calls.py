"""One call from its arrival to its answer: the faults around it and the lines about it."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.strict_sqs.actions import Actions, Answer, queue_of
from tests.strict_sqs.errors import Refused
from tests.strict_sqs.faults import Fault, Faults, History, Line, refusal
from tests.strict_sqs.message import read_receipt

Given = Mapping[str, Any]
Gone = Callable[[], bool]


class Cut(Exception):
    """The caller gets no answer: its connection ends."""


class Calls:
    def __init__(self, actions: Actions) -> None:
        self.actions = actions
        self.service = actions.service
        self.faults = Faults()
        self.history = History()

    def run(self, action: str, given: Given, gone: Gone) -> Answer:
        """Raises Refused for what SQS refuses or a fault lets fail, Cut for a lost answer."""
        queue = queue_of(given)
        if late := self.faults.striking(action, queue, "delay"):
            late.wait()
        if fault := self.faults.striking(action, queue, "before"):
            self._tell(action, given, {}, error=fault.error, fault="before")
            raise _ordered(fault)
        try:
            answer = self.actions.run(action, given, gone)
        except Refused as problem:
            self._tell(action, given, {}, error=problem.code)
            raise
        if action != "ReceiveMessage" or answer:  # a receive of nothing is no news
            self._spoil(action, given, answer, self._tell(action, given, answer))
        return answer

    def _spoil(self, action: str, given: Given, answer: Answer, lines: list[Line]) -> None:
        """What happens to a call that has had its effect."""
        queue = queue_of(given)
        if self.faults.striking(action, queue, "repeat"):
            _mark(lines, "repeat")
            self._repeat(action, given, answer)
        if fault := self.faults.striking(action, queue, "after"):
            _mark(lines, "after")
            raise _ordered(fault)

    def _repeat(self, action: str, given: Given, answer: Answer) -> None:
        """Once more, as at-least-once allows: the duplicate of a send, a message in two hands."""
        with self.service.lock:
            queue = self.service.queue(queue_of(given))
            ids = [one.get("MessageId") for one in answer.get("Messages", [answer])]
            messages = [queue.messages[one] for one in ids if one in queue.messages]
            if action == "ReceiveMessage":
                self.service.show(queue.name, messages)
            elif action == "SendMessage":
                for message in messages:
                    queue.forget(message)
                self.actions.run(action, given)

    def _tell(
        self,
        action: str,
        given: Given,
        answer: Answer,
        *,
        error: str | None = None,
        fault: str | None = None,
    ) -> list[Line]:
        """Write a line for each message that the call is about."""
        told = {"at": self.service.clock(), "action": action, "queue": queue_of(given)}
        why = {"error": error, "fault": fault}
        lines = [{**told, **subject, **why} for subject in _subjects(given, answer)]
        self.history.lines.extend(lines)
        return lines


def _subjects(given: Given, answer: Answer) -> list[Line]:
    receipts = [one["ReceiptHandle"] for one in answer.get("Messages", [])]
    if "ReceiptHandle" in given:
        receipts = [given["ReceiptHandle"]]
    if receipts:
        return [_received(queue_of(given), receipt) for receipt in receipts]
    dedup, group = given.get("MessageDeduplicationId"), given.get("MessageGroupId")
    return [{"id": answer.get("MessageId"), "dedup": dedup, "group": group, "receives": None}]


def _received(queue: str, text: str) -> Line:
    line: Line = {"id": None, "dedup": None, "group": None, "receives": None}
    try:
        receipt = read_receipt(queue, text)
    except Refused:
        return line
    return {**line, "id": receipt.message, "receives": receipt.number}


def _mark(lines: list[Line], fault: str) -> None:
    for line in lines:
        line["fault"] = fault


def _ordered(fault: Fault) -> Exception:
    return Cut() if fault.error == "cut" else refusal(fault.error)
