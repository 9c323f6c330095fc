"""Speaks the protocol of inference.child without a model, for tests of everything around it.

`stub.json` in the bundle's folder says how it behaves: `steps` events of progress, `step_seconds`
apart, `then` one of done, refuse, fault, die, hang. The result is a copy of the video.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

MODEL = {"name": "stub", "label": "stub model", "version": "1", "demo": True}
SECONDS = 2  # each of its results
DEFAULTS = {"steps": 3, "step_seconds": 0.02, "then": "done"}


class Stub:
    def __init__(self, bundle: Path) -> None:
        self.bundle = bundle
        self.canceled = threading.Event()
        self.current: str | None = None

    def serve(self) -> None:
        say({"event": "ready", "model": MODEL})
        for line in sys.stdin:
            request = json.loads(line)
            if request["op"] == "cancel" and request["id"] == self.current:
                self.canceled.set()
            elif request["op"] == "sync":
                self.current = request["id"]
                self.canceled.clear()
                threading.Thread(target=self.sync, args=(request,), daemon=True).start()
        os._exit(0)  # end of input: nobody waits for what a thread still does

    def sync(self, request: dict[str, Any]) -> None:
        plan = {**DEFAULTS, **self._plan()}
        for step in range(plan["steps"]):
            progress = {"stage": "generate", "done": step, "total": plan["steps"]}
            say({"event": "progress", "id": request["id"], **progress})
            if self.canceled.wait(plan["step_seconds"]):
                fail(request, "canceled", refusal=False)
                return
        getattr(self, plan["then"])(request)

    def done(self, request: dict[str, Any]) -> None:
        if request.get("most_seconds", SECONDS) < SECONDS:
            fail(request, "media_too_large", refusal=True)
            return
        shutil.copy(request["video"], request["out"])
        say({"event": "done", "id": request["id"], "result": facts(Path(request["out"]), request)})

    def refuse(self, request: dict[str, Any]) -> None:
        fail(request, "no_face", refusal=True)

    def fault(self, request: dict[str, Any]) -> None:
        fail(request, "engine_fault", refusal=False)

    def die(self, request: dict[str, Any]) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self, request: dict[str, Any]) -> None:
        """Says nothing more and hears no cancel."""

    def _plan(self) -> dict[str, Any]:
        plan = self.bundle / "stub.json"
        return json.loads(plan.read_text()) if plan.exists() else {}


def facts(out: Path, request: dict[str, Any]) -> dict[str, Any]:
    """What the engine tells of a result: 25 frames a second, 50 frames, so two seconds."""
    options = {"steps": 20, "guidance": 1.5, "seed": 1247, **request.get("options", {})}
    return {
        **{name: options[name] for name in ("steps", "guidance", "seed")},
        "frames": 50,
        "synced_frames": 50,
        "passed_through": [],
        "frame_rate": "25/1",
        "duration_numerator": SECONDS,
        "duration_denominator": 1,
        "width": 64,
        "height": 48,
        "size_bytes": out.stat().st_size,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "model": MODEL,
        "device": "cpu",
        "stage_seconds": {"generate": 0.1},
        "warnings": [],
    }


def fail(request: dict[str, Any], code: str, *, refusal: bool) -> None:
    told = {"message": f"The stub was told to {code}.", "hint": "", "refusal": refusal}
    say({"event": "failed", "id": request["id"], "code": code, **told})


def say(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", type=Path, default=Path())
    Stub(parser.parse_known_args()[0].bundle).serve()
