"""A model's bundle out of S3_MODELS_BUCKET, brought to this machine before the model is loaded.

    python -m jobs.bundles PREFIX COMMAND...

stands in the place of the model's process: it brings the bundle, saying so in events of the same
kind, then becomes COMMAND with `--bundle FOLDER`, and with an environment that holds no secret any
more. A bundle is whole or not there: its folder gets its name when every file has the size and the
SHA-256 of the manifest. What an earlier start left half done is gone on with.
"""

import fcntl
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from django.conf import settings

from inference.media.sandbox import die_with_parent
from jobs.model_events import EngineFailed
from jobs.model_shelf import ModelShelf, bad
from jobs.starting import clean_environment
from jobs.storage import size_and_hash

MANIFEST = "manifest.json"
MANIFEST_BYTES = 4 << 20
SAID_SECONDS = 5.0
LOCK_SECONDS = 1800.0  # another worker of this machine brings the same bundle
OnBytes = Callable[[int, int], None]  # bytes that are here, bytes in all


@dataclass(frozen=True)
class Entry:
    """A file of a bundle, as its manifest tells of it."""

    path: str
    sha256: str
    size_bytes: int


def bring(prefix: str, on_bytes: OnBytes = lambda done, total: None) -> Path:
    """The folder of the bundle under this prefix, brought only if its manifest is a new one.

    Raises EngineFailed (bad_checkpoint) when the bucket does not hold what its manifest says, or is
    out of reach for long. The model's process looks at all files once more when it loads them.
    """
    shelf, prefix = ModelShelf(), prefix.strip("/")
    content = _manifest(shelf, prefix)
    entries = _entries(content, prefix)
    slug = re.sub(r"[^\w.-]+", "-", prefix)
    folder: Path = settings.MODEL_CACHE / f"{slug}-{hashlib.sha256(content).hexdigest()[:16]}"
    settings.MODEL_CACHE.mkdir(parents=True, exist_ok=True)
    with _alone(folder, on_bytes):
        if not folder.is_dir():
            work = folder.with_name(f".{folder.name}.part")
            _fill(work, shelf, prefix, entries, on_bytes)
            (work / MANIFEST).write_bytes(content)
            work.rename(folder)
    return folder


def _manifest(shelf: ModelShelf, prefix: str) -> bytes:
    key = f"{prefix}/{MANIFEST}"
    content = shelf.read(key, MANIFEST_BYTES + 1)
    if len(content) > MANIFEST_BYTES:
        raise bad(f"{key} is larger than any manifest.")
    return content


def _entries(content: bytes, prefix: str) -> list[Entry]:
    try:
        files = json.loads(content)["files"].values()
        entries = [Entry(str(f["path"]), str(f["sha256"]), int(f["size_bytes"])) for f in files]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise bad(f"{prefix}/{MANIFEST} is no manifest of a bundle.") from None
    for entry in entries:
        parts = PurePosixPath(entry.path).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise bad(f"{prefix}/{MANIFEST} names a file outside the bundle: {entry.path}.")
    return entries


@contextmanager
def _alone(folder: Path, on_bytes: OnBytes) -> Iterator[None]:
    """One worker of this machine at a time; the lock goes with the process that holds it."""
    deadline = time.monotonic() + LOCK_SECONDS
    with folder.with_name(f".{folder.name}.lock").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise bad(f"Another worker has not brought {folder.name} yet.") from None
                on_bytes(0, 0)  # a sign of life
                time.sleep(0.5)
        yield


def _fill(
    work: Path, shelf: ModelShelf, prefix: str, entries: list[Entry], on_bytes: OnBytes
) -> None:
    total, before = sum(entry.size_bytes for entry in entries), 0
    for entry in entries:
        path, key = work / entry.path, f"{prefix}/{entry.path}"
        path.parent.mkdir(parents=True, exist_ok=True)

        def told(have: int, before: int = before) -> None:
            on_bytes(before + have, total)

        shelf.fetch(key, path, told)
        if size_and_hash(path) != (entry.size_bytes, entry.sha256):
            path.unlink()
            raise bad(f"{key} in {shelf} is not the file that its manifest names.")
        before += entry.size_bytes


class Events:
    """What the supervisor reads: one JSON object a line, of progress not more than it can use."""

    def __init__(self) -> None:
        self._next = 0.0

    def fetching(self, done: int, total: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SAID_SECONDS
            self.say("fetching", done=done, total=total)

    def say(self, event: str, **facts: Any) -> None:
        sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
        sys.stdout.flush()


def main(prefix: str, command: list[str]) -> NoReturn:
    """Bring the bundle and become the command; an event `failed` and 1 if it can't be brought."""
    die_with_parent(os.getppid())
    events = Events()
    try:
        folder = bring(prefix, events.fetching)
    except EngineFailed as failed:
        told = {"code": failed.code, "message": failed.message, "hint": failed.hint}
        events.say("failed", id=None, refusal=False, **told)
        sys.exit(1)
    arguments = [*command, "--bundle", str(folder)]
    os.execve(arguments[0], arguments, clean_environment(os.environ))  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
