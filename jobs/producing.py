"""From an attempt's inputs to its finished file, in a folder that goes when the attempt ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from jobs import storage
from jobs.child import POLL_SECONDS, ModelChild
from jobs.failures import TRY_AGAIN
from jobs.keeper import Interrupted, Keeper, LeaseLost, Stalled
from jobs.model_events import EngineFailed, Event, NotBegun, failure
from jobs.models import Upload

log = structlog.get_logger(__name__)

SEGMENTS = "segments"  # the folder of the pieces, in an attempt's own

# Where a stage begins and ends on the way from 0 to 100: as measured, generating is nearly all.
STAGES = {
    "fetch": (0, 2),
    "load": (2, 2),
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
    video: Upload
    audio: Upload
    options: Mapping[str, Any]
    most_seconds: int


def produce(
    order: Order, folder: Path, model: ModelChild, keeper: Keeper
) -> tuple[Path, dict[str, Any]]:
    """The finished file and the facts about it. Raises EngineFailed or an Interrupted.

    Size and hash are read from the file itself, whatever the model's process says of them. The
    pieces of it lie in the folder `segments`, finished ones of earlier attempts from the beginning.
    """
    for name in ("video", "audio"):
        storage.fetch_upload(getattr(order, name), folder / name, keeper.progressed)
        keeper.check()
    request = _request(order, folder)
    try:
        result = _made(order, request, model, keeper)
    except NotBegun:  # it died idle, and nobody noticed until now: no fault of the job
        log.warning("model_process_replaced")
        result = _made(order, request, model, keeper)
    out = folder / "result.mp4"
    size, sha256 = storage.size_and_hash(out, keeper.progressed)
    return out, {**result, "size_bytes": size, "sha256": sha256}


def _request(order: Order, folder: Path) -> dict[str, Any]:
    names = {"out": "result.mp4", "workdir": "work", "segments": SEGMENTS}
    paths = {name: folder / names.get(name, name) for name in ("video", "audio", *names)}
    paths["workdir"].mkdir()
    # Asked a second time, of what was decoded: the probe has read headers, and a header may lie.
    told = {"options": dict(order.options), "most_seconds": order.most_seconds}
    return {**{name: str(path) for name, path in paths.items()}, **told}


def _made(
    order: Order, request: Mapping[str, Any], model: ModelChild, keeper: Keeper
) -> Mapping[str, Any]:
    """What the model tells of the result, which lies where it was asked for."""
    job = str(order.attempt_id)

    def while_it_loads() -> None:
        keeper.report("load", STAGES["load"][0])  # it has a bound of its own, in begin()
        keeper.check()

    model.begin(job, while_it_loads, **request)
    try:
        return _watch(job, model, keeper)
    except EngineFailed:
        raise
    except LeaseLost:
        model.kill()  # at once: another worker may be at the same video
        raise
    except Stalled:
        model.kill()
        silence = f"The model did not get on for {settings.JOB_STALL_SECONDS:.0f} seconds."
        raise EngineFailed("engine_hung", silence, hint=TRY_AGAIN) from None
    except Interrupted:
        model.end(job, lambda: keeper.ours)
        keeper.check_ours()
        raise
    except Exception:
        model.kill()  # what it says makes no sense: it may be at this job still when the next comes
        raise


def _watch(job: str, model: ModelChild, keeper: Keeper) -> Mapping[str, Any]:
    """Follow the job's events to its result. Each is a sign that it gets on."""
    while True:
        event = model.next_event(POLL_SECONDS)
        mine = event is not None and event.get("id") == job
        if mine:
            keeper.progressed()
        if event is None or event["event"] not in ("done", "failed"):
            # Not beside a job's last event: whoever waited for another would wait in vain.
            keeper.check()
        if event is None or not mine:
            continue
        if event["event"] == "progress" and event["stage"] in STAGES:
            keeper.report(event["stage"], _percent(event))
        elif event["event"] == "done":
            return event["result"]
        elif event["event"] == "failed":
            raise failure(event)


def _percent(event: Event) -> int:
    begin, end = STAGES[event["stage"]]
    total = event.get("total")
    share = event.get("done", 0) / total if total else 0
    return int(begin + (end - begin) * max(0.0, min(1.0, share)))
