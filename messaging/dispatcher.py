"""One process, of however many run, sends the outbox and runs the timers: the leader.

It leads for as long as its own connection lives, outside the pool, on which it holds the advisory
lock and listens. When the connection is lost the turn ends, and PostgreSQL ends that of a leader
that hangs or whose machine is gone. Another may lead before this one has noticed: everything it
does is safe under two leaders.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import psycopg
import structlog
from django import db
from django.conf import settings
from django.db import connections

from messaging.broker import Broker
from messaging.gone import GONE
from messaging.outbox import CHANNEL
from messaging.sending import send_due, take_over
from messaging.timers import Clock

log = structlog.get_logger(__name__)

LOCK = crc32(b"viseme.dispatcher")
STANDBY_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 1.0
# Without these a leader whose network is cut would wait for the kernel's patience, 15 minutes.
KEEPALIVE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds: unanswered bytes hold keepalives off
}
# The same for the server, whose own patience with a machine that is gone is two hours; and with a
# leader that is there and does nothing, for ever.
SESSION = """
SET tcp_keepalives_idle = 5;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
SET idle_session_timeout = '{seconds:.0f}s';
"""
# The first is of the connection on which it leads, the others are of those that Django holds.
LOST = (psycopg.OperationalError, *GONE)


class Dispatcher:
    """`run()` returns once `stop` is set; each of its turns ends with its connection."""

    def __init__(self, broker: Broker, *, clock: Clock | None = None) -> None:
        self.broker = broker
        self.clock = clock or Clock()
        self.stop = threading.Event()
        self.leading = threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                self.turn()
            except LOST as problem:
                log.warning("dispatcher_turn_ended", problem=str(problem).strip())
                db.close_old_connections()
                self.stop.wait(STANDBY_SECONDS)

    def turn(self) -> None:
        """Wait to become the leader, then lead until asked to stop.

        Raises psycopg's OperationalError when the connection is lost.
        """
        with own_connection() as connection:
            while not self.stop.is_set():
                if _is_leader(connection):
                    self._lead(connection)
                self.stop.wait(STANDBY_SECONDS)

    def sweep(self) -> int:
        """What a leader does each time it wakes: timers, then what is due in the outbox; how many
        messages were sent. As long as it is any, more may be due."""
        self.clock.run_due()
        return send_due(self.broker)

    def _lead(self, connection: psycopg.Connection) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        log.info("dispatcher_led", took_over=take_over())
        self.leading.set()
        try:
            while not self.stop.is_set():
                connection.execute("SELECT 1")  # still the leader: the lock lives on it
                sent = self.sweep()
                db.close_old_connections()
                self._wait(connection, 0.0 if sent else LONGEST_WAIT_SECONDS)
        finally:
            self.leading.clear()

    def _wait(self, connection: psycopg.Connection, longest: float) -> None:
        """Until something was written, a timer is due, or a second is over: a retry may be due."""
        timeout = min(longest, self.clock.seconds_to_next())
        for told in connection.notifies(timeout=timeout, stop_after=1):
            self.clock.wake(told.payload)


@contextmanager
def own_connection() -> Iterator[psycopg.Connection]:
    """A connection of the application's role that no pool or pooler hands to another."""
    options = connections["default"].get_connection_params()
    for django_only in ("cursor_factory", "context", "prepare_threshold"):
        options.pop(django_only, None)
    with psycopg.connect(**{**KEEPALIVE, **options}, autocommit=True) as connection:
        connection.execute(SESSION.format(seconds=settings.LEADER_LOST_SECONDS))
        yield connection


def _is_leader(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
    return bool(row and row[0])
