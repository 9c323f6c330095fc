"""All queues of one server: their lock, the dead letters' way, and who waits for a message."""

import threading
from collections.abc import Callable
from itertools import count

from tests.strict_sqs.clock import Clock
from tests.strict_sqs.errors import Refused, invalid, no_queue
from tests.strict_sqs.fifo import FifoQueue
from tests.strict_sqs.message import Message
from tests.strict_sqs.queue import Queue

PURGE_SECONDS = 60
LONGEST_LOOK_SECONDS = 0.2  # at a stopped clock, and to see that a caller is gone


class Service:
    """Everything is done under `lock`; whoever waits hears of every change.

    A message that had its last allowed receive moves to the dead letters by the clock, as soon as
    that receive's hold ends, whether anybody asks or not. (AWS promises no moment; moto waits for
    the next receive.)
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.queues: dict[str, Queue] = {}
        self._changed = threading.Condition(self.lock)
        self._sequence = count(1)
        clock.at_shift = self.wake

    def wake(self) -> None:
        with self.lock:
            self._changed.notify_all()

    # Queues

    def create(self, name: str, attributes: dict[str, str]) -> Queue:
        fifo = attributes.get("FifoQueue") == "true"
        if fifo != name.endswith(".fifo"):
            raise invalid("The name of a FIFO queue, and of no other, must end with .fifo.")
        made = (FifoQueue if fifo else Queue)(name, attributes)
        with self.lock:
            there = self.queues.setdefault(name, made)
            if there.attributes != made.attributes:
                raise Refused(
                    "QueueNameExists",
                    "A queue already exists with the same name and a different value.",
                )
            return there

    def queue(self, name: str) -> Queue:
        """Settled: what had its last receive is where it belongs."""
        with self.lock:
            self._settle()
            try:
                return self.queues[name]
            except KeyError:
                raise no_queue() from None

    def remove(self, name: str) -> None:
        with self.lock:
            del self.queues[self.queue(name).name]

    # Messages

    def send(
        self,
        name: str,
        body: str,
        *,
        group: str | None = None,
        dedup: str | None = None,
        delay: int | None = None,
    ) -> Message:
        with self.lock:
            now = self.clock()
            message = Message(body, next(self._sequence), now, now, group=group, dedup=dedup)
            kept = self.queue(name).send(message, delay=delay, now=now)
            self.wake()
            return kept

    def receive(
        self,
        name: str,
        most: int,
        *,
        visibility: int | None = None,
        wait_seconds: float | None = None,
        attempt: str | None = None,
        gone: Callable[[], bool] = lambda: False,
    ) -> list[Message]:
        """Wait for a message until the clock has gone so far. `gone`: nobody would hear it."""
        with self.lock:
            wait = float(self.queue(name).attributes["ReceiveMessageWaitTimeSeconds"])
            end = self.clock() + (wait if wait_seconds is None else wait_seconds)
            while not gone():
                now = self.clock()
                found = self.queue(name).receive(
                    most, visibility=visibility, attempt=attempt, now=now
                )
                if found or now >= end:
                    self.wake()  # a hold of no seconds frees its group at once
                    return found
                self._changed.wait(self._next_look(end, now))
            return []

    def delete(self, name: str, receipt: str) -> None:
        with self.lock:
            self.queue(name).delete(receipt, self.clock())
            self.wake()

    def hide(self, name: str, receipt: str, seconds: int) -> None:
        with self.lock:
            self.queue(name).hide(receipt, seconds, self.clock())
            self.wake()

    def show(self, name: str, messages: list[Message] | None = None) -> None:
        """End the holds on these messages, or on all of the queue."""
        with self.lock:
            queue = self.queue(name)
            queue.show(queue.messages.values() if messages is None else messages, self.clock())
            self.wake()

    def purge(self, name: str) -> None:
        """What waits and what is held; ids stay remembered. Once a minute."""
        with self.lock:
            queue, now = self.queue(name), self.clock()
            if now < queue.purged_at + PURGE_SECONDS:
                raise Refused(
                    "PurgeQueueInProgress",
                    f"Only one PurgeQueue operation on {name} is allowed every 60 seconds.",
                    status=403,
                )
            queue.purged_at = now
            queue.clear()

    def redrive(self, dead: str, target: str | None) -> int:
        """StartMessageMoveTask: dead letters go back, each as a new message with a new age."""
        with self.lock:
            source, moved = self.queue(dead), 0
            for message in list(source.messages.values()):
                if message.visible(self.clock()) and (target or message.came_from):
                    source.take_out(message)
                    self._put_back(message, target or message.came_from or "")
                    moved += 1
            self.wake()
            return moved

    def _put_back(self, old: Message, target: str) -> None:
        now = self.clock()
        new = Message(old.body, next(self._sequence), now, now, group=old.group, dedup=old.dedup)
        self.queue(target).move_in(new, now)

    def _settle(self) -> None:
        now = self.clock()
        for queue in self.queues.values():
            ended = queue.ended(now)
            if queue.redrive and ended:
                dead, most = queue.redrive
                self._bury(queue, dead, [one for one in ended if one.receives >= most])

    def _bury(self, queue: Queue, dead: str, worn: list[Message]) -> None:
        for message in worn:
            queue.take_out(message)
            message.sequence = next(self._sequence)
            message.came_from = queue.name
            self.queues[dead].move_in(message, self.clock())
            self._changed.notify_all()

    def _next_look(self, end: float, now: float) -> float:
        moments = [end, *(at for queue in self.queues.values() for at in queue.moments())]
        return max(0.0, min(min(moments) - now, LONGEST_LOOK_SECONDS))
