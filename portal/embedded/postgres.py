"""PostgreSQL on loopback: started with a password, ended with the process that started it."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psycopg

from portal.embedded import EmbeddedError, cluster
from portal.embedded.state import LOOPBACK, State, kept_port, password

DATABASE = "viseme"
PATIENCE_SECONDS = 30
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
# A database that is thrown away needs none of what survives a power cut.
THROWN_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """One server over `home/postgres/data`; as a context manager it is stopped at the end.

    durable: keep what was committed through a power cut; off for tests.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.state = State(home)
        self.folder = home / "postgres"
        self.data = self.folder / "data"
        self.log = home / "logs" / "postgres.log"
        self.durable = durable
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.stop()

    @property
    def section(self) -> dict[str, Any]:
        return self.state.section("postgres")

    def start(self) -> None:
        """Returns when it answers. Raises EmbeddedError."""
        self._prepare()
        if (orphan := cluster.forget_the_dead(self.data)) is not None:
            _end(orphan, self.data)
        kept_port(self.section)
        self.state.save()
        self.log.parent.mkdir(mode=0o700, exist_ok=True)
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal is for us, we stop the server after
            # everything that needs it. Started by the main thread, whose end is its end.
            self.process = subprocess.Popen(
                cluster.command(self.data, "postgres", "-D", str(self.data), *self._options()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        self._await_answer()

    def stop(self) -> None:
        """Fast: sessions are ended, what was committed is on disk. Bounded."""
        if self.process is not None and self.process.poll() is None:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                self.process.send_signal(number)
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(10)
                    break
        self.process = None

    def address(self, role: str, database: str = DATABASE) -> str:
        """The address for `postgres` (the superuser), `viseme_owner` or `viseme_app`."""
        key = f"{role.removeprefix('viseme_')}_password"
        return (
            f"postgresql://{role}:{self.section[key]}@{LOOPBACK}:{self.section['port']}/{database}"
        )

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """As the superuser, for what only it may do. The application never does."""
        return psycopg.connect(self.address("postgres", database), autocommit=True)

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        cluster.hand_over(self.folder)
        passwords = ("postgres_password", "owner_password", "app_password")
        if not self.data.exists() or not all(key in self.section for key in passwords):
            cluster.discard(self.data)
            self.section.update({key: password() for key in passwords})
            self.state.save()
            cluster.create(self.data, self.section["postgres_password"], durable=self.durable)

    def _options(self) -> list[str]:
        settings = SETTINGS | ({} if self.durable else THROWN_AWAY)
        settings["port"] = str(self.section["port"])
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _await_answer(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                raise EmbeddedError(f"PostgreSQL did not start: {self._last_words()}")
            with suppress(psycopg.OperationalError), self.connect():
                return
            time.sleep(0.05)
        self.stop()
        raise EmbeddedError(f"PostgreSQL did not answer in {PATIENCE_SECONDS} s: see {self.log}.")

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        telling = [line for line in lines[-20:] if "FATAL" in line or "can't" in line] or lines
        return telling[-1] if telling else f"see {self.log}"


def _end(number: int, data: Path) -> None:
    """Stop a server whose launcher was killed, by its process id."""
    for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(number, sign)
        for _ in range(100):
            if not cluster.runs_on(data, number):
                return
            time.sleep(0.1)
