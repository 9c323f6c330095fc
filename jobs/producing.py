"""From an attempt's inputs to its finished file, in a folder that goes when the attempt ends."""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from jobs import storage
from jobs.child import POLL_SECONDS, EngineFailed, Event, ModelChild, failure
from jobs.keeper import Interrupted, Keeper

log = structlog.get_logger(__name__)

CANCEL_SECONDS = 20  # a denoising step of a window on a slow machine, and some
CHUNK_BYTES = 1 << 20

# Where a stage begins and ends on the way from 0 to 100: as measured, generating is nearly all.
STAGES = {
    "fetch": (0, 2),
    "probe": (2, 3),
    "audio": (3, 5),
    "generate": (5, 95),
    "finish": (95, 99),
}


@dataclass(frozen=True)
class Order:
    """What a claim gave this worker to do. most_seconds: the tenant's limit for a result."""

    job_id: UUID
    tenant_id: UUID
    attempt_id: UUID
    fence: int
    video_key: str
    audio_key: str
    options: Mapping[str, Any]
    most_seconds: int


@contextmanager
def attempt_folder(attempt_id: UUID) -> Iterator[Path]:
    """A folder for one attempt. What a killed worker left there is cleared by the next one."""
    settings.WORK_ROOT.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{attempt_id}-", dir=settings.WORK_ROOT))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_leftovers(older_than_seconds: float = 86400) -> None:
    """Remove what processes of this machine that were killed have left in the work folder:
    folders of attempts and probes, and the files of forms."""
    if not settings.WORK_ROOT.exists():
        return
    for left in settings.WORK_ROOT.iterdir():
        with suppress(FileNotFoundError):  # another process clears as well
            if time.time() - _last_touched(left) <= older_than_seconds:
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()


def _last_touched(path: Path) -> float:
    """Of all that is in it: the folder of an attempt that works for days was made days ago."""
    return max(each.stat().st_mtime for each in (path, *path.rglob("*")))


def produce(order: Order, folder: Path, model: ModelChild, keeper: Keeper) -> tuple[Path, dict]:
    """The finished file and the facts about it. Raises EngineFailed or an Interrupted.

    Size and hash are read from the file itself, whatever the model's process says of them.
    """
    video = storage.fetch(order.video_key, folder / "video")
    keeper.check()
    audio = storage.fetch(order.audio_key, folder / "audio")
    keeper.check()
    out, workdir = folder / "result.mp4", folder / "work"
    workdir.mkdir()
    job = str(order.attempt_id)
    paths = {"video": video, "audio": audio, "out": out, "workdir": workdir}
    request = {name: str(path) for name, path in paths.items()}
    # Asked a second time, of what was decoded: the probe has read headers, and a header may lie.
    told = {"options": dict(order.options), "most_seconds": order.most_seconds}
    model.begin(job, keeper.check, **request, **told)
    try:
        result = _watch(job, model, keeper)
    except Interrupted:
        _end(job, model)
        raise
    return out, {**result, **_look(out)}


def _watch(job: str, model: ModelChild, keeper: Keeper) -> Mapping[str, Any]:
    """Follow the job's events to its result. A model that says nothing for long is killed."""
    heard = time.monotonic()
    while True:
        event = model.next_event(POLL_SECONDS)
        if event is None or event["event"] not in ("done", "failed"):
            # Not beside a job's last event: whoever waited for another would wait in vain.
            keeper.check()
        if event is not None and event.get("id") == job:
            heard = time.monotonic()
            if event["event"] == "progress":
                keeper.report(event["stage"], _percent(event))
            elif event["event"] == "done":
                return event["result"]
            elif event["event"] == "failed":
                raise failure(event)
        elif time.monotonic() - heard > settings.JOB_STALL_SECONDS:
            model.kill()
            silence = f"The model said nothing for {settings.JOB_STALL_SECONDS} seconds."
            raise EngineFailed("engine_hung", silence)


def _end(job: str, model: ModelChild) -> None:
    """Cancel the job; kill the model if it does not hear. Nothing of it is used either way."""
    model.cancel(job)
    deadline = time.monotonic() + CANCEL_SECONDS
    while time.monotonic() < deadline:
        try:
            event = model.next_event(POLL_SECONDS)
        except EngineFailed:
            return
        if event and event.get("id") == job and event["event"] in ("failed", "done"):
            return
    log.warning("model_ignored_cancel", attempt_id=job)
    model.kill()


def _percent(event: Event) -> int:
    begin, end = STAGES.get(event["stage"], (0, 0))
    total = event.get("total")
    share = event.get("done", 0) / total if total else 0
    return int(begin + (end - begin) * min(1.0, share))


def _look(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return {"size_bytes": path.stat().st_size, "sha256": digest.hexdigest()}
