"""A worker whose model does not load takes no jobs: it would be the first to, and make none."""

import structlog

from jobs.child import ModelChild
from jobs.model_events import EngineFailed
from messaging.broker import Broker
from messaging.errors import NotOurs, PutBack
from messaging.heartbeat import Hold, held
from messaging.received import Received

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 10.0, 300.0


class Fitness:
    """Of one worker. The job that finds out goes on after a pause, without a strike.

    Until the model loads, each message is given back at once, unread, for workers that have one,
    and this worker pauses before it receives the next: longer each time, and not when it must end.
    """

    def __init__(self, model: ModelChild, broker: Broker) -> None:
        self.model = model
        self.broker = broker
        self._pause = FIRST_PAUSE_SECONDS

    def check(self, message: Received, hold: Hold) -> None:
        """Raise NotOurs if the model has not loaded and does not now; PutBack when asked to end."""
        if not self.model.broken:
            self._pause = FIRST_PAUSE_SECONDS
            return
        try:
            with held(hold):
                self.model.load(self._go_on)
        except EngineFailed as problem:
            log.error("worker_has_no_model", code=problem.code, reason=problem.message)
            self.broker.hide(message.queue_url, message.receipt, 0)
            self.broker.stopping.wait(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            raise NotOurs("This worker has no model.") from problem

    def _go_on(self) -> None:
        if self.broker.stopping.is_set():
            raise PutBack("This worker was asked to end.", delay_seconds=0)
