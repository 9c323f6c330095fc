"""Bring one file from the Hugging Face hub: resumable, bounded in time, checked.

What the hub says of a file, how errors read, tokens and headers are huggingface_hub's. The bytes
are received here, because hf_hub_download() (2.4) gives an unfinished file up when it ends: after
4 GB of 5 a killed command would begin anew.
"""

import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx2
from huggingface_hub import get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from inference.errors import FetchFailed

PARTIAL, NO_SUCH_RANGE = 206, 416
ETAG = re.compile(r"[\w.+=-]{1,200}", re.ASCII)  # it becomes part of a file's name
LOOK_BETWEEN = "Look at HF_ENDPOINT, at HF_TOKEN, and at the proxy between here and there."
DENIED = (401, 403, 407)
TRANSIENT = (408, 429, 500, 502, 503, 504)
HEADWAY_BYTES = 1 << 20  # a try that brought so much is followed by as many as at the beginning
OnBytes = Callable[[int], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How long the hub may be slow. tries: in a row without headway. slow_bytes: what must come in
    slow_seconds, or the try is given up."""

    tries: int = 6
    pause_seconds: float = 2.0
    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    slow_seconds: float = 60.0
    slow_bytes: int = 1 << 20


@dataclass(frozen=True)
class Remote:
    """A file as the hub describes it. etag: a large file's SHA-256 (64 digits), git's hash of a
    small one (40)."""

    repository: str
    file: str
    commit: str
    etag: str
    size_bytes: int


class Slow(Exception):
    """Bytes came, but too few to wait for."""


class Hub:
    """endpoint: the hub's address; None for HF_ENDPOINT or the public one."""

    def __init__(self, endpoint: str | None = None, patience: Patience | None = None) -> None:
        self._endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or "").rstrip("/") or None
        self._patience = patience or Patience()

    def look(self, repository: str, file: str, revision: str) -> Remote:
        """Raises FetchFailed with what to do."""
        name = f"{repository}/{file}"
        address = hf_hub_url(repository, file, revision=revision, endpoint=self._endpoint)

        def ask() -> Remote:
            told = get_hf_file_metadata(
                address, timeout=self._patience.read_seconds, endpoint=self._endpoint
            )
            etag, size = told.etag or "", told.size if told.size is not None else -1
            if not told.commit_hash or not ETAG.fullmatch(etag) or size < 0:
                wrong = f"{address} does not answer as a Hugging Face hub does."
                raise FetchFailed(wrong, hint=LOOK_BETWEEN)
            return Remote(repository, file, told.commit_hash, etag, size)

        return self._again_and_again(ask, name, lambda: False)

    def fetch(self, remote: Remote, target: Path, on_bytes: OnBytes) -> str:
        """Bring the file to `target`, going on with what an earlier try left; returns its SHA-256.

        on_bytes is told how many there are by now. Raises FetchFailed: what came is kept, unless it
        is not the file that was promised.
        """
        name = f"{remote.repository}/{remote.file}"
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{remote.etag[:16]}.part")
        reached = 0

        def receive() -> None:
            self._receive(remote, part, on_bytes)

        def moved() -> bool:
            nonlocal reached
            before, reached = reached, _size(part)
            return reached - before >= HEADWAY_BYTES

        self._again_and_again(receive, name, moved)
        if (sha256 := fingerprint(part, remote)) is None:
            part.unlink()
            raise FetchFailed(f"{name} came damaged, and was thrown away.")
        part.replace(target)
        return sha256

    def _receive(self, remote: Remote, part: Path, on_bytes: OnBytes) -> None:
        if (have := _size(part)) > remote.size_bytes:
            part.unlink()
            have = 0
        if have == remote.size_bytes and part.exists():
            return
        bounds = self._patience
        waits = httpx2.Timeout(bounds.read_seconds, connect=bounds.connect_seconds)
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        address = hf_hub_url(
            remote.repository, remote.file, revision=remote.commit, endpoint=self._endpoint
        )
        with get_session().stream("GET", address, headers=headers, timeout=waits) as answer:
            if have and answer.status_code == NO_SUCH_RANGE:
                part.unlink()
                raise httpx2.RemoteProtocolError("the server would not go on where it stopped")
            hf_raise_for_status(answer)
            # 200 to a question for the rest is the whole file once more.
            goes_on = answer.status_code == PARTIAL
            with part.open("ab" if goes_on else "wb") as file:
                have = have if goes_on else 0
                self._pour(answer, file.write, have, remote.size_bytes, on_bytes)
        if _size(part) < remote.size_bytes:
            raise httpx2.RemoteProtocolError("the connection ended before the file did")

    def _pour(
        self,
        answer: httpx2.Response,
        write: Callable[[bytes], int],
        have: int,
        most: int,
        on_bytes: OnBytes,
    ) -> None:
        """have, most: bytes that are here already, and that were promised: beyond them it is not
        the file, and may have no end."""
        begun, since = time.monotonic(), have
        for chunk in answer.iter_bytes():
            write(chunk)
            have += len(chunk)
            on_bytes(have)
            if have > most:
                return
            if time.monotonic() - begun > self._patience.slow_seconds:
                if have - since < self._patience.slow_bytes:
                    raise Slow(f"{have - since} bytes in {self._patience.slow_seconds:.0f} s")
                begun, since = time.monotonic(), have

    def _again_and_again(
        self, work: Callable[[], Result], name: str, moved: Callable[[], bool]
    ) -> Result:
        """Try until it works, patient with what passes. Raises FetchFailed."""
        tries = 0
        while True:
            try:
                return work()
            except (httpx2.TransportError, Slow) as problem:
                said = str(problem) or type(problem).__name__
            except OfflineModeIsEnabled:
                raise FetchFailed(f"{name}: HF_HUB_OFFLINE forbids it.") from None
            except HfHubHTTPError as problem:
                status = problem.response.status_code
                if status not in TRANSIENT:
                    raise _refusal(problem, name) from None
                said = f"the server answered {status}"
            except FileMetadataError as problem:
                raise FetchFailed(f"{name}: {problem}") from None
            except (httpx2.RequestError, httpx2.InvalidURL, ValueError) as problem:
                told = f"{name} can't be asked for in this way: {problem}"
                raise FetchFailed(f"{told.rstrip('.')}.", hint=LOOK_BETWEEN) from None
            tries = 1 if moved() else tries + 1
            if tries >= self._patience.tries:
                raise FetchFailed(f"{name} could not be fetched: {said.rstrip('.')}.")
            time.sleep(self._patience.pause_seconds * tries)


def _refusal(problem: HfHubHTTPError, name: str) -> FetchFailed:
    """What an answer that will not change means."""
    if isinstance(problem, GatedRepoError):
        return FetchFailed(
            f"{name} is given only to those who accepted its terms on its page.",
            hint="Accept them there, signed in, and set HF_TOKEN to a token of that account.",
        )
    if isinstance(problem, RevisionNotFoundError):
        return FetchFailed(
            f"{name}: the revision is not there any more.",
            hint="If the publisher replaced it and you trust the change, remove the repository "
            "from the book of hashes.",
        )
    if isinstance(problem, EntryNotFoundError | RepositoryNotFoundError):
        return FetchFailed(
            f"{name} is not there, or not for everybody.",
            hint="Look at the publisher's page; for a private repository set HF_TOKEN.",
        )
    status = problem.response.status_code
    return FetchFailed(
        f"{name}: the server answered {status}.", hint=LOOK_BETWEEN if status in DENIED else None
    )


def fingerprint(path: Path, remote: Remote) -> str | None:
    """The SHA-256 of a file here; None if it is not the one that the hub tells of."""
    sha256, blob = hashlib.sha256(), hashlib.sha1(usedforsecurity=False)
    blob.update(f"blob {remote.size_bytes}\0".encode())  # how git begins a file's hash
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha256.update(chunk)
            blob.update(chunk)
    seen = {64: sha256.hexdigest(), 40: blob.hexdigest()}.get(len(remote.etag), remote.etag)
    right = _size(path) == remote.size_bytes and seen == remote.etag
    return sha256.hexdigest() if right else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
