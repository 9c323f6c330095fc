"""The product's processes, started one by one around one database and one queue server."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from jobs.models import Segment
from messaging.received import encode
from tenants.context import as_operator
from tests.faults.processes import Process, Warm, until
from tests.faults.proxy import Proxy
from tests.faults.queues import Queues

DRAMATIQ = ["-m", "dramatiq", "portal.worker", "--processes", "1", "--threads", "1", "--queues"]
COMMANDS = {
    "gpu-worker": [*DRAMATIQ, "lipsync"],
    "task-worker": [*DRAMATIQ, "tasks", "previews", "lipsync-dead", "tasks-dead"],
    "dispatcher": ["manage.py", "dispatch"],
    "submitter": ["-m", "tests.faults.submitter"],
}
SHORT_PATIENCE = {
    "DEBUG": "1",  # crash points are heard
    "LOG_LEVEL": "INFO",  # what tests wait for is said there
    "FAULTS_LEASE_SECONDS": "30",  # far more than a busy machine holds a process up
    "PROGRESS_SECONDS": "0.2",
    "RETRY_SECONDS": "0",
    "SQS_BACK_OFF_SECONDS": "1",
    "DISPATCH_LOST_SECONDS": "3",
    "DATABASE_POOL_SIZE": "4",
    "dramatiq_restart_delay": "500",
    "PYTHONUNBUFFERED": "1",
}
# For a worker that is going to die: its lease and its hold on the message soon run out. Not sooner
# than a busy machine lets it renew them: what it loses by itself would be counted as its death.
BRIEF = {"FAULTS_LEASE_SECONDS": "4"}
# Behind a database address. Who falls asleep, or is cut off, inside a transaction holds its locks
# until PostgreSQL ends the session: after a minute in production (tenants/roles.py).
IMPATIENT = "?options=-c%20idle_in_transaction_session_timeout%3D2000"


def environment() -> dict[str, str]:
    """What all processes of all houses share."""
    return {
        **os.environ,
        **SHORT_PATIENCE,
        "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
        "VISEME_MODE": "embedded",
    }


class House:
    """`home` holds what the processes write; the database and the storage are the tests' own."""

    def __init__(self, home: Path, warm: Warm, database_url: str) -> None:
        self.home = home
        self.warm = warm
        self.started: list[Process] = []
        for folder in ("work", "bundle"):
            (home / folder).mkdir()
        self.environment = {
            **environment(),
            "DATABASE_URL": database_url,
            "MEDIA_ROOT": str(settings.MEDIA_ROOT),
            "WORK_ROOT": str(home / "work"),
            "MODEL_BUNDLE": str(home / "bundle"),
            "MODEL_CHILD_MODULE": "tests.stub_child",
        }
        self.queues = Queues()
        self.environment["SQS_ENDPOINT_URL"] = self.queues.address

    def start(self, name: str, *arguments: str, fresh: bool = False, **environment: str) -> Process:
        """One more process of that name; `fresh`: its loader heeds the environment."""
        told = {**self.environment, **environment}
        return self._run(name, [*COMMANDS[name], *arguments], told, fresh=fresh)

    def start_queues(self, kind: str = "strict") -> Process:
        """A new queue server on the same port: it remembers nothing of the one before."""
        command = self.queues.command(kind)
        server = self._run("sqs", command, self.environment)
        until(self.queues.are_there, "the queue server has its queues")
        self.queue_server = server
        return server

    def restart_queues(self) -> None:
        """Killed and started anew."""
        self.queue_server.kill()
        self.start_queues()

    def doomed(self, name: str, point: str, *arguments: str, how: str = "kill") -> Process:
        """A process that kills itself at a crash point, or stops there."""
        orders: dict[str, Any] = {**BRIEF, "VISEME_CRASH_AT": point, "VISEME_CRASH_HOW": how}
        return self.start(name, *arguments, **orders)

    @contextmanager
    def proxy(self) -> Iterator[Proxy]:
        """A way to the database that a test can cut. Processes take it by `**proxy.way`."""
        proxy = Proxy(self.environment["DATABASE_URL"])
        try:
            yield proxy
        finally:
            proxy.close()

    def order_storage(self, **orders: Any) -> dict[str, str]:
        """What its storage is to fail at; the environment of a process that is to meet it."""
        file = self.home / "storage.json"
        file.write_text(json.dumps(orders))
        return {"FAULTS_STORAGE": str(file)}

    def send(self, queue: str, job_id: UUID, tenant_id: UUID, *, dispatch: int) -> None:
        """A message for the worker past the outbox, as an old or a mad dispatcher would send it."""
        ids = {"job_id": str(job_id), "tenant_id": str(tenant_id), "dispatch": dispatch}
        self.queues.send(queue, encode("lipsync", "lipsync", ids, str(uuid4())), f"{uuid4()}")

    def pieces_of(self, job_id: UUID) -> int:
        with as_operator("count a test's pieces"):
            return Segment.objects.filter(job=job_id).count()

    def model_processes(self) -> list[int]:
        """The ids of this house's model processes: their command names its bundle."""
        mine = str(self.home / "bundle").encode()
        commands = Path("/proc").glob("[0-9]*/cmdline")
        return [int(path.parent.name) for path in commands if mine in _read(path)]

    def plan(self, **behavior: Any) -> None:
        """What the model's stub does from its next job on."""
        (self.home / "bundle" / "stub.json").write_text(json.dumps(behavior))

    def stop(self) -> None:
        for process in reversed(self.started):
            process.kill()

    def said(self) -> str:
        """The last lines of each process, for a test that failed."""
        logs = sorted(self.home.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in logs)

    def tells(self, event: str, *, times: int = 1) -> bool:
        """Whether its processes' logs name the event, so many times."""
        return sum(log.read_text().count(event) for log in self.home.glob("*.log")) >= times

    def reads(self, name: str, words: str) -> bool:
        """Whether the log of the processes of that name holds the words."""
        return words in (self.home / f"{name}.log").read_text()

    def _run(
        self, name: str, command: list[str], told: dict[str, str], *, fresh: bool = False
    ) -> Process:
        process = Process(self.warm, command, told, self.home / f"{name}.log", fresh=fresh)
        self.started.append(process)
        return process


def _read(path: Path) -> bytes:
    with suppress(OSError):  # it ended meanwhile
        return path.read_bytes()
    return b""
