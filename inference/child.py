"""The warm model process that a worker keeps: `python -m inference.child --bundle DIR`.

One JSON object a line. In: {"op": "sync", "id", "video", "audio", "out", "workdir", "options"},
and if wanted "report", "segments" (paths), "part" ([from, to] in seconds) and "most_seconds", see
pipeline.sync();
{"op": "cancel", "id"}; end of input: exit. Out: "ready" once, then "progress", and for each sync
exactly one "done" or "failed". One sync at a time, in the order they come. A cancel is heard while
one runs, or waits; one that comes too late changes nothing.

An order may come before "ready": it is answered by a "progress" of the stage "load", and worked on
when the model is there. Where "segments" names a folder, {"event": "segment", "id", "number"} tells
of each piece that this sync has made, when its file and its record are in place: both can be copied
from then on. A folder may hold pieces of an earlier sync of the same files, wherever those lay
then. However a sync ends, what has a record there is whole.
"""

import argparse
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

from inference.arguments import seconds
from inference.errors import BadOption, EngineError, EngineFault
from inference.media.sandbox import die_with_parent
from inference.memory import give_back_frames
from inference.options import SyncOptions
from inference.threads import wait_asleep

Order = Mapping[str, Any]
ORDER_FIELDS = ("id", "video", "audio", "out", "workdir")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m inference.child")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args(arguments)
    die_with_parent(os.getppid())
    wait_asleep()
    give_back_frames()
    with _own_output() as output:
        return Child(sys.stdin, output).serve(given.bundle, given.device)


def _own_output() -> TextIO:
    """Standard output for events alone: what any library prints goes to standard error."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return output


class Child:
    def __init__(self, orders: TextIO, output: TextIO) -> None:
        self._input, self._output = orders, output
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._canceled: set[str] = set()
        self._speaking = threading.RLock()
        self._loading = True

    def serve(self, bundle: Path | None, device: str) -> int:
        """Load the model, then work until the input ends. 1 if the model can't be loaded."""
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            model = self._load(bundle, device)
        except EngineError as error:
            self._failed(None, error)
            return 1
        with self._speaking:
            self._loading = False
            self._say("ready", model=model.describe())
        while (order := self._orders.get()) is not None:
            self._work(model, order)
        return 0

    def _load(self, bundle: Path | None, device: str) -> Any:
        from inference.model.acceleration import warm_up
        from inference.model.checkpoint import DEMO_BUNDLE, load_bundle
        from inference.model.device import choose_device
        from inference.model.latentsync import PIXELS_PER_LATENT

        model = load_bundle(bundle or DEMO_BUNDLE, choose_device(device))
        # Minutes on a GPU, once: not in the first job's time.
        warm_up(model.unet, model.resolution // PIXELS_PER_LATENT)
        return model

    def _listen(self) -> None:
        for line in self._input:
            try:
                order = json.loads(line)
                if order["op"] == "cancel":
                    self._canceled.add(str(order["id"]))
                else:
                    self._take(order)
            except (ValueError, KeyError, TypeError):
                self._failed(None, _bad_order("An order that is no JSON object with op and id."))
        self._orders.put(None)
        # The parent has gone, or wants this to end: a sync that still runs must not outlive it.
        self._canceled.add("*")

    def _take(self, order: Order) -> None:
        with self._speaking:
            if self._loading:
                self._say("progress", id=order.get("id"), stage="load", done=0, total=None)
        self._orders.put(order)

    def _work(self, model: Any, order: Order) -> None:
        identity = order.get("id")
        try:
            result = self._sync(model, order)
        except EngineError as error:
            self._failed(identity, error)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            kind = type(error).__name__
            self._failed(identity, EngineFault(f"The engine failed unexpectedly ({kind})."))
        else:
            self._say("done", id=identity, result=result)
        self._canceled.discard(str(identity))

    def _sync(self, model: Any, order: Order) -> dict[str, Any]:
        from inference.pipeline.lipsync import sync

        missing = [name for name in ORDER_FIELDS if not isinstance(order.get(name), str)]
        if order.get("op") != "sync" or missing:
            raise _bad_order(f"An order to sync needs {', '.join(ORDER_FIELDS)}.")
        identity = order["id"]
        result = sync(
            *(Path(order[name]) for name in ("video", "audio", "out")),
            model=model,
            options=SyncOptions.from_mapping(order.get("options") or {}).check(),
            workdir=Path(order["workdir"]),
            on_progress=lambda stage, done, total: self._say(
                "progress", id=identity, stage=stage, done=done, total=total
            ),
            should_cancel=lambda: not self._canceled.isdisjoint((identity, "*")),
            part=_part(order.get("part")),
            report=_path("report", order.get("report")),
            segments=_path("segments", order.get("segments")),
            on_segment=lambda number: self._say("segment", id=identity, number=number),
            most_seconds=_most_seconds(order.get("most_seconds")),
        )
        return result.to_mapping()

    def _failed(self, identity: Any, error: EngineError) -> None:
        self._say(
            "failed",
            id=identity,
            code=error.code,
            message=str(error),
            hint=error.hint,
            refusal=error.refusal,
        )

    def _say(self, event: str, **facts: Any) -> None:
        with self._speaking:
            print(json.dumps({"event": event} | facts), file=self._output, flush=True)


def _bad_order(told: str) -> BadOption:
    return BadOption(told, hint="inference/child.py says what an order is.")


def _path(name: str, given: object) -> Path | None:
    if given is not None and not isinstance(given, str):
        raise _bad_order(f"The {name} of an order is a path.")
    return None if given is None else Path(given)


def _most_seconds(given: object) -> int | None:
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < 1):
        raise _bad_order("The most_seconds of an order is a whole number of seconds from 1 on.")
    return given


def _part(given: object) -> tuple[Fraction, Fraction] | None:
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2:
        raise _bad_order("The part of an order is [from, to], in seconds.")
    start, end = (seconds(str(time)) for time in given)
    return start, end


if __name__ == "__main__":
    sys.exit(main())
