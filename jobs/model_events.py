"""What the model's process says, line by line in JSON (inference/child.py says what), and how it
fails."""

import json
import queue
import signal
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import IO, Any

import structlog

from jobs.failures import TRY_AGAIN

log = structlog.get_logger(__name__)

Event = Mapping[str, Any]
Events = queue.Queue[Event | None]

LONGEST_LINE = 1 << 20  # characters; an event has some hundreds
OUT_OF_MEMORY = (
    "The machine may have run out of memory. Send the video in a smaller size; if that fails too, "
    "write to us with the job's id."
)


class EngineFailed(Exception):
    """The engine did not deliver. `refusal`: the input is at fault, a new try would not help."""

    def __init__(self, code: str, message: str, *, hint: str = "", refusal: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.refusal = refusal


class NotBegun(EngineFailed):
    """The process died without a word of the job: it was as good as dead before. Begin again."""


def failure(event: Event) -> EngineFailed:
    """What a `failed` event says, as an exception; one that says nothing is the engine's fault."""
    code, message, hint = (str(event.get(name) or "") for name in ("code", "message", "hint"))
    return EngineFailed(
        code or "engine_error",
        message or "The engine gave no reason.",
        hint=hint,
        refusal=bool(event.get("refusal")),
    )


def death(status: int, *, loaded: bool, spoke: bool, killed_by_us: bool) -> EngineFailed:
    """What the end of a process means, as an exception. spoke: of the job it had in hand."""
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    when = "in the middle of a job" if loaded else "while it loaded"
    foreign = status == -signal.SIGKILL and not killed_by_us
    hint = OUT_OF_MEMORY if foreign else TRY_AGAIN
    kind = EngineFailed if spoke or not loaded else NotBegun
    return kind("engine_crashed", f"The model's process {how} {when}.", hint=hint)


def lines_of(stream: IO[str]) -> Iterator[str]:
    """Its lines as they come; one without an end in pieces, for it must not fill our memory."""
    return iter(partial(stream.readline, LONGEST_LINE), "")


def read(lines: Iterable[str], events: Events) -> None:
    """Events as they come; None at the end. A line that is none is some library's chatter."""
    try:
        for line in lines:
            try:
                event = json.loads(line)
                if "event" in event:
                    _note(event)
                    events.put(event)
            except (ValueError, TypeError, AttributeError, RecursionError):
                log.info("model_process_said", line=line.strip()[:500])
    finally:
        events.put(None)  # whoever waits for the next one would not hear of the end


def _note(event: Event) -> None:
    """Which model is served, or why none is, stands in the log when it is known: a worker may wait
    for hours for its first job."""
    if event["event"] == "ready":
        model = dict(event.get("model", {}))
        for notice in model.pop("notices", ()):
            log.warning("model_notice", notice=notice)
        log.info("model_ready", **model)
    elif event["event"] == "fetching":
        log.info("model_fetching", done_bytes=event.get("done"), total_bytes=event.get("total"))
    elif event["event"] == "failed" and event.get("id") is None:
        told = {name: event.get(name, "") for name in ("code", "message", "hint")}
        log.error("model_not_loaded", **told)
