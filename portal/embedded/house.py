"""Everything that runs on one machine: servers, database, processes; up in order, down in order."""

import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from portal.embedded import EmbeddedError, roles
from portal.embedded.postgres import Postgres
from portal.embedded.processes import Processes, entries
from portal.embedded.state import LOOPBACK, is_free, is_open, kept_port
from portal.environment import ROOT

PATIENCE_SECONDS = 60
PROCFILE = ROOT / "Procfile"
PRIVATE = ("media", "work", "mail", "results", "static")

Say = Callable[[str], None]


class House:
    """A context manager: after it nothing that it started runs any more.

    web_port: the portal's; None takes any that is free.
    """

    def __init__(self, home: Path, *, web_port: int | None, say: Say) -> None:
        self.home = home
        self.say = say
        self.postgres = Postgres(home)
        self.state = self.postgres.state
        self.sign_in: dict[str, str] = {}
        for folder in PRIVATE:
            (home / folder).mkdir(mode=0o700, exist_ok=True)
        self._choose_ports(web_port)
        self.processes = Processes(home, self._environment())

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.state.section('web')['port']}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *problem: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Not to be interrupted: a second Ctrl-C would leave processes behind."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.processes.stop()
        self.postgres.stop()

    def watch(self) -> None:
        """To be called now and then: what died is started again. Raises processes.Broken."""
        for name in self.processes.watch():
            self.say(f"{name} had died and was started again")

    def note_shown(self) -> None:
        """The sample was made here once; later starts needn't."""
        self.state.section("demo")["shown"] = True
        self.state.save()

    def _start(self) -> None:
        self.postgres.start()
        roles.prepare(self.postgres)
        queues = self.state.section("sqs")["port"]
        self.processes.start("sqs", [sys.executable, "-m", "portal.embedded.sqs", str(queues)])
        self._prepare_database()
        self._await_port(queues, "the queue server")
        for name, command in entries(PROCFILE):
            port = self.state.section("metrics")[name]
            self.processes.start(name, command, METRICS_PORT=str(port))
        self._await_port(self.state.section("web")["port"], "the portal")

    def _choose_ports(self, web_port: int | None) -> None:
        if web_port is not None and not is_free(web_port):
            raise EmbeddedError(
                f"Port {web_port} is in use by another program: name a free one with --port."
            )
        self.state.values.setdefault("secret_key", secrets.token_urlsafe(50))
        kept_port(self.state.section("sqs"))
        ports = self.state.section("metrics")
        for name, _ in entries(PROCFILE):
            ports[name] = kept_port({"port": ports.get(name, 0)})
        web = self.state.section("web")
        web["port"] = web_port or kept_port({})
        self.state.save()

    def _environment(self) -> dict[str, str]:
        """What the processes are told; also what Django in this process reads."""
        os.environ["VISEME_HOME"] = str(self.home)
        os.environ["VISEME_MODE"] = "embedded"
        os.environ["PORT"] = str(self.state.section("web")["port"])
        os.environ["PYTHONUNBUFFERED"] = "1"
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        return dict(os.environ)

    def _prepare_database(self) -> None:
        """With Django in this process: its settings read the state file, so only now."""
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", database="owner", interactive=False, verbosity=0)
        from portal.embedded import sign_in  # its models need Django set up

        self.sign_in = sign_in.demo(self.state)

    def _await_port(self, port: int, what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_open(port):
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{what} did not start: see {self.processes.logs}.")
            self.watch()
            time.sleep(0.05)
