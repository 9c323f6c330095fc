"""The product's processes, started one by one and killed as a machine would kill them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from botocore.exceptions import BotoCoreError
from django.conf import settings

from messaging.received import encode
from portal.embedded import bound
from portal.embedded.sqs import client

DRAMATIQ = ["-m", "dramatiq", "portal.worker", "--processes", "1", "--threads", "1", "--queues"]
COMMANDS = {
    "gpu-worker": [*DRAMATIQ, "lipsync"],
    "task-worker": [*DRAMATIQ, "tasks", "previews", "lipsync-dead", "tasks-dead"],
    "dispatcher": ["manage.py", "dispatch"],
}
ROOT = Path(__file__).parents[2]
SHORT_PATIENCE = {
    "DEBUG": "1",  # crash points are heard
    "JOB_LEASE_SECONDS": "6",
    "PROGRESS_SECONDS": "0.2",
    "RETRY_SECONDS": "0",
    "DISPATCH_LOST_SECONDS": "3",
    "DATABASE_POOL_SIZE": "4",
    "dramatiq_restart_delay": "500",
    "PYTHONUNBUFFERED": "1",
}


class Process:
    """A process with all that it started in its group; its output goes to a file."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                bound.command([sys.executable, *arguments]),  # nothing survives a killed test run
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL to all of the group at once: nobody has time to say anything."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self._process.pid, number)

    def terminate(self, seconds: float = 20) -> int:
        """SIGTERM as an orchestrator sends it; the exit status."""
        self._process.terminate()
        return self._process.wait(seconds)


class House:
    """`home` holds what the processes write; the database and the storage are the tests' own."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.home = home
        self.port = _free_port()
        self.sqs = client(self.port)
        self.started: list[Process] = []
        for folder in ("work", "bundle"):
            (home / folder).mkdir()
        self.environment = {
            **os.environ,
            **SHORT_PATIENCE,
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "VISEME_MODE": "embedded",
            "DATABASE_URL": database_url,
            "SQS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "MEDIA_ROOT": str(settings.MEDIA_ROOT),
            "WORK_ROOT": str(home / "work"),
            "MODEL_BUNDLE": str(home / "bundle"),
            "MODEL_CHILD_MODULE": "tests.stub_child",
        }

    def start(self, name: str, **environment: str) -> Process:
        log = self.home / f"{name}.log"
        process = Process(COMMANDS[name], {**self.environment, **environment}, log)
        self.started.append(process)
        return process

    def start_queues(self) -> Process:
        """A new queue server on the same port: it remembers nothing of the one before."""
        arguments = ["-m", "portal.embedded.sqs", str(self.port)]
        server = Process(arguments, self.environment, self.home / "sqs.log")
        self.started.append(server)
        until(self._has_queues, "the queue server has its queues")
        return server

    def waiting(self, queue: str) -> int:
        """Messages that are in the queue, in somebody's hands or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        address = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        answer = self.sqs.get_queue_attributes(QueueUrl=address, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def receive_in_vain(self, queue: str, *, times: int) -> None:
        """What workers do that die at once: receive, and neither delete nor put back.

        The server moves a message to the dead letters when it would be received once more.
        """
        address = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        for _ in range(times):
            got = self.sqs.receive_message(QueueUrl=address, VisibilityTimeout=0, WaitTimeSeconds=2)
            assert got["Messages"]
        self.sqs.receive_message(QueueUrl=address, VisibilityTimeout=0)

    def send(self, queue: str, job_id: UUID, tenant_id: UUID, *, dispatch: int) -> None:
        """A message for the worker past the outbox, as an old or a mad dispatcher would send it."""
        ids = {"job_id": str(job_id), "tenant_id": str(tenant_id), "dispatch": dispatch}
        self.sqs.send_message(
            QueueUrl=self.sqs.get_queue_url(QueueName=f"{queue}.fifo")["QueueUrl"],
            MessageBody=encode("lipsync", "lipsync", ids, str(uuid4())),
            MessageGroupId=str(tenant_id),
            MessageDeduplicationId=str(uuid4()),
        )

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

    def _has_queues(self) -> bool:
        try:
            self.sqs.get_queue_url(QueueName="tasks")  # the last that is made
        except (BotoCoreError, self.sqs.exceptions.QueueDoesNotExist):
            return False
        return True


def until(condition: Callable[[], Any], what: str, *, seconds: float = 90) -> Any:
    """What the condition returns once that is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return value


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _read(path: Path) -> bytes:
    with suppress(OSError):  # it ended meanwhile
        return path.read_bytes()
    return b""
