"""Run a command in the product's environment: `_bootstrap.py COMMAND [ARGUMENTS...]`.

Makes `.viseme/env` from requirements/ if it is missing or another, with nothing but Python's own
library. What it says goes to standard error. The environment is known to be whole by a note that is
written last: what was interrupted is made anew, what is there starts at once.
"""

import errno
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
FREE_BYTES = 4 << 30  # the environment, and its largest package on the way in
CANNOT, STOPPED, NOT_FOUND = 69, 130, 127

# What pip says, and what it means to somebody who wants to see the product.
TROUBLES = (
    (r"No space left on device", "The disk is full: free {gib:.0f} GB, or move with VISEME_HOME."),
    (
        r"Failed to establish a new connection|name resolution|NewConnectionError|ProxyError"
        r"|ConnectTimeout|ReadTimeout|Network is unreachable|SSLError",
        "The package index can't be reached: check the network, or pip's own configuration.",
    ),
    (
        r"Permission denied",
        "Something in {home} belongs to another account: delete it as that one.",
    ),
    (
        r"No matching distribution found for (\S+)",
        "There is no package {0} for this Python {python}: try 3.11 or 3.12 with PYTHON=...",
    ),
)


class Trouble(Exception):
    """The environment can't be made; one sentence that says what to do."""


def say(text: str) -> None:
    print(f"viseme: {text}", file=sys.stderr, flush=True)


def wanted(requirements: Path = REQUIREMENTS) -> str:
    """What the environment is made of, as one number."""
    digest = hashlib.sha256(repr((sys.version_info[:2], sys.platform)).encode())
    for file in sorted(requirements.glob("*.txt")):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


class Environment:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "env"
        self.note = self.folder / "made-of"
        self.log = home / "logs" / "install.log"

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def is_whole(self) -> bool:
        return self.note.exists() and self.note.read_text() == wanted()

    def make(self) -> None:
        """Raises Trouble, OSError."""
        with one_at_a_time(self.home / "install.lock"):
            if self.is_whole():  # another process was faster
                return
            self._check()
            begun = time.monotonic()
            say(f"setting up in {self.home}: about 2.5 GB and some minutes, once")
            self._make()
            say(f"set up in {time.monotonic() - begun:.0f} s")

    def _check(self) -> None:
        for module in ("venv", "ensurepip"):
            if importlib.util.find_spec(module) is None:
                package = "python{}.{}-venv".format(*sys.version_info)
                raise Trouble(
                    f"Python's {module} is missing: on Debian and Ubuntu, apt install {package}."
                )
        free = shutil.disk_usage(self.home).free
        if free < FREE_BYTES and not self.folder.exists():
            raise Trouble(
                f"{self.home} has {free / (1 << 30):.1f} GB free and needs {FREE_BYTES >> 30}: "
                "free some, or name a folder on another disk with VISEME_HOME."
            )

    def _make(self) -> None:
        if self.note.exists():
            self.note.unlink()  # other versions: pip changes what differs
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._run([sys.executable, "-m", "venv", str(self.folder)], "environment")
        constraints = str(REQUIREMENTS / "constraints.txt")
        self._pip("-r", str(REQUIREMENTS / "dev.txt"), "-c", constraints)
        self._pip("--no-deps", "-r", str(REQUIREMENTS / "no-deps.txt"))
        self.note.write_text(wanted())

    def _pip(self, *arguments: str) -> None:
        pip = [self.python, "-m", "pip", "install", "--no-cache-dir", "--no-compile"]
        pip += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        self._run([*pip, *arguments], "packages")

    def _run(self, command: list[str], what: str) -> None:
        scratch = self.home / "tmp"  # the system's may be small
        scratch.mkdir(exist_ok=True)
        self.log.parent.mkdir(mode=0o700, exist_ok=True)
        environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
        environment.pop("PYTHONPATH", None)
        with (
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
            ) as process,
            Progress(what, self.folder) as progress,
            self.log.open("a") as log,
        ):
            said = []
            for line in process.stdout or ():
                log.write(line)
                said.append(line.rstrip())
                progress.read(line)
        shutil.rmtree(scratch, ignore_errors=True)
        if process.returncode:
            raise Trouble(self._explain(said))

    def _explain(self, said: list[str]) -> str:
        text = "\n".join(said)
        facts = {
            "gib": FREE_BYTES / (1 << 30),
            "home": self.home,
            "python": "{}.{}".format(*sys.version_info),
        }
        for pattern, sentence in TROUBLES:
            if found := re.search(pattern, text):
                return sentence.format(*found.groups(), **facts)
        errors = [line for line in said if line.startswith("ERROR")] or said[-1:]
        return f"pip failed ({' '.join(errors[:1])}); all that it said stands in {self.log}."


class Progress:
    """How far pip is: counted packages and the time, on one line of a terminal."""

    def __init__(self, what: str, environment: Path) -> None:
        pinned = (REQUIREMENTS / "constraints.txt").read_text().splitlines()
        self.total = sum("==" in line for line in pinned)
        self.what = what
        self.environment = environment
        self.found = 0
        self.installing = False
        self.begun = time.monotonic()
        self.on_terminal = sys.stderr.isatty()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Progress":
        self.thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.over.set()
        self.thread.join()
        if self.on_terminal:
            sys.stderr.write("\r\033[K")

    def read(self, line: str) -> None:
        self.found += line.startswith(("Collecting ", "Requirement already satisfied"))
        self.installing = self.installing or line.startswith("Installing collected")

    def line(self) -> str:
        seconds = f"{time.monotonic() - self.begun:.0f} s"
        if self.what != "packages" or not (self.found or self.installing):
            return f"{self.what}, {seconds}"
        if not self.installing:
            return f"fetching package {self.found} of about {self.total}, {seconds}"
        done = sum(1 for _ in self.environment.glob("lib/python*/site-packages/*.dist-info"))
        # pip counts itself and what came with Python; never more than there are.
        done = min(done, self.total)
        return f"installing package {done} of about {self.total}, {seconds}"

    def _run(self) -> None:
        while not self.over.wait(0.5 if self.on_terminal else 10):
            if self.on_terminal:
                sys.stderr.write(f"\r\033[Kviseme: {self.line()}")
                sys.stderr.flush()
            else:
                say(self.line())


@contextmanager
def one_at_a_time(path: Path):
    """Two commands started together: the second waits for what the first one makes."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another command is setting up here; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ready(home: Path) -> Environment:
    """The environment, made if need be. Raises Trouble."""
    environment = Environment(home)
    try:
        if not environment.is_whole():
            old = os.umask(0o022)  # the database's account must be able to run what is installed
            home.mkdir(parents=True, exist_ok=True)
            environment.make()
            os.umask(old)
    except OSError as problem:
        raise Trouble(explain(problem, home)) from problem
    return environment


def explain(problem: OSError, home: Path) -> str:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {home} is full: free {FREE_BYTES >> 30} GB, or move with VISEME_HOME."
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{home} can't be written by this account: name another folder with VISEME_HOME."
    return f"{home} can't be set up: {problem}."


def run(environment: Environment, command: list[str]) -> None:
    """Become the command. Raises Trouble."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    variables["VIRTUAL_ENV"] = str(environment.folder)
    variables["PATH"] = os.pathsep.join([str(environment.folder / "bin"), os.environ["PATH"]])
    variables["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    )
    # From any folder: Django's commands lie in the checkout, other files where the user is.
    words = [str(ROOT / w) if w == "manage.py" and not Path(w).exists() else w for w in command]
    try:
        os.execvpe(words[0], words, variables)
    except OSError:
        say(f"there is no command {words[0]} in the environment or on this machine")
        sys.exit(NOT_FOUND)


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - an old one gets a sentence, not a traceback
        say("Python 3.11 or newer is needed; this is {}.{}".format(*sys.version_info))
        sys.exit(CANNOT)
    if len(sys.argv) < 2:
        say("name a command: bin/run python manage.py help")
        sys.exit(2)
    home = Path(os.environ.get("VISEME_HOME", str(ROOT / ".viseme"))).absolute()
    try:
        environment = ready(home)
    except Trouble as trouble:
        say(str(trouble))
        sys.exit(CANNOT)
    except KeyboardInterrupt:
        say("stopped; the next start begins again where it can")
        sys.exit(STOPPED)
    run(environment, sys.argv[1:])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
