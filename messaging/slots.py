import threading


class Slots:
    """How many messages of one queue this process holds, and how many it may.

    They belong to the broker and not to a consumer: Dramatiq replaces its consumer after an error
    of the connection, while a worker thread still works on what the old one received.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._held: set[str] = set()
        self._changed = threading.Condition()

    @property
    def free(self) -> int:
        return max(0, self.size - len(self._held))

    def take(self, receipt: str) -> None:
        with self._changed:
            self._held.add(receipt)

    def release(self, receipt: str) -> None:
        """Give a slot back; a second time for the same receipt does nothing."""
        with self._changed:
            self._held.discard(receipt)
            self._changed.notify_all()

    def wait_for_one(self, timeout_seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.free > 0, timeout_seconds)
