"""Speaks the protocol of inference.child without a model, for tests of everything around it.

`stub.json` in the bundle's folder, read anew for each job, says how it behaves:

steps, step_seconds   events of progress and the time between them; no steps: done at once
then                  what comes at the end: done, refuse, fault, die, hang
at                    the step after which `then` comes; 0: after the last one
piece_steps           after how many steps a piece is laid into the order's folder `segments`; 0: no
                      pieces. Whole ones that lie there are continued from, and counted in the
                      result as `resumed_pieces`
deaf                  hears no cancel
stubborn              no TERM either; read at the start
load_seconds          how long it loads; read at the start
load_until            a file that ends the loading when it is there
company               starts a process that sleeps, as the engine starts its media process
words                 {word: plan}: what differs for a job whose audio contains the word
random                {"seed", "shares": {then: share}}: `then` by lot, for some of all jobs

The result is a copy of the video, put together from its pieces.
"""

import argparse
import ctypes
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Request = Mapping[str, Any]
Plan = Mapping[str, Any]

MODEL = {"name": "stub", "label": "stub model", "version": "1", "demo": True}
SECONDS = 2  # each of its results
FRAMES = 50
DEFAULTS = {"steps": 3, "step_seconds": 0.02, "then": "done", "at": 0, "piece_steps": 0}
PR_SET_PDEATHSIG = 1


class Stub:
    def __init__(self, bundle: Path) -> None:
        self.bundle = bundle
        self.canceled = threading.Event()
        self.current: str | None = None

    def serve(self) -> None:
        self._start(self._plan())
        say({"event": "ready", "model": MODEL})
        for line in sys.stdin:
            request = json.loads(line)
            if request["op"] == "cancel" and request["id"] == self.current:
                self.canceled.set()
            elif request["op"] == "sync":
                self._take(request)
        os._exit(0)  # end of input: nobody waits for what a thread still does

    def sync(self, request: Request, plan: Plan) -> None:
        pieces = Pieces(request, plan)
        last = plan["at"] or plan["steps"]
        for step in range(pieces.resumed * plan["piece_steps"], last):
            say(progress(request, step, plan["steps"]))
            if self._canceled_within(plan["step_seconds"], plan):
                fail(request, "canceled", refusal=False)
                return
            pieces.made(step + 1)
        getattr(self, plan["then"])(request, pieces)

    def done(self, request: Request, pieces: "Pieces") -> None:
        if request.get("most_seconds", SECONDS) < SECONDS:
            fail(request, "media_too_large", refusal=True)
            return
        pieces.join()
        result = facts(Path(request["out"]), request, pieces)
        say({"event": "done", "id": request["id"], "result": result})

    def refuse(self, request: Request, pieces: "Pieces") -> None:
        fail(request, "no_face", refusal=True)

    def fault(self, request: Request, pieces: "Pieces") -> None:
        fail(request, "engine_fault", refusal=False)

    def die(self, request: Request, pieces: "Pieces") -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def hang(self, request: Request, pieces: "Pieces") -> None:
        """Says nothing more and hears no cancel."""

    def _start(self, plan: Plan) -> None:
        if plan.get("stubborn"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if plan.get("company"):
            nowhere = subprocess.DEVNULL
            subprocess.Popen(bound_sleep(600), stdin=nowhere, stdout=nowhere)
        load(plan.get("load_seconds", 0), plan.get("load_until"))

    def _take(self, request: Request) -> None:
        plan = self._plan_of(request)
        self.current = request["id"]
        self.canceled.clear()
        if plan["steps"] == 0:
            self.sync(request, plan)
        else:
            threading.Thread(target=self.sync, args=(request, plan), daemon=True).start()

    def _canceled_within(self, seconds: float, plan: Plan) -> bool:
        if plan.get("deaf"):
            time.sleep(seconds)
            return False
        return self.canceled.wait(seconds)

    def _plan(self) -> dict[str, Any]:
        plan = self.bundle / "stub.json"
        return json.loads(plan.read_text()) if plan.exists() else {}

    def _plan_of(self, request: Request) -> dict[str, Any]:
        plan = {**DEFAULTS, **self._plan()}
        if words := plan.get("words"):
            audio = Path(request["audio"]).read_bytes()
            own = [theirs for word, theirs in words.items() if word.encode() in audio]
            plan = {**plan, **(own[0] if own else {})}
        return {**plan, **by_lot(request, plan.get("random"))}


class Pieces:
    """Equal parts of the video in the order's folder; without a folder, or steps for one, none."""

    def __init__(self, request: Request, plan: Plan) -> None:
        self.request, self.steps = request, plan["steps"]
        self.each = plan["piece_steps"] if "segments" in request else 0
        self.count = -(-plan["steps"] // self.each) if self.each else 0
        self.resumed = self._whole() if self.each else 0

    def made(self, steps: int) -> None:
        """Lay a piece down when so many steps complete one: the record last, by renaming."""
        if not self.each or (steps % self.each and steps < self.steps):
            return
        number = -(-steps // self.each) - 1
        content = self._content(number)
        self._path(number, "mp4").write_bytes(content)
        part = self._path(number, "part")
        part.write_text(json.dumps(self._record(number, content)))
        part.replace(self._path(number, "json"))
        say({"event": "segment", "id": self.request["id"], "number": number})

    def join(self) -> None:
        out = Path(self.request["out"])
        if not self.each:
            shutil.copyfile(self.request["video"], out)
            return
        files = [self._path(number, "mp4") for number in range(self.count)]
        out.write_bytes(b"".join(file.read_bytes() for file in files))

    def _whole(self) -> int:
        """How many pieces from the first on are exactly what this job would make."""
        Path(self.request["segments"]).mkdir(exist_ok=True)
        number = 0
        while number < self.count and self._is_whole(number):
            number += 1
        return number

    def _is_whole(self, number: int) -> bool:
        try:
            record = json.loads(self._path(number, "json").read_text())
            made = self._path(number, "mp4").read_bytes()
        except (OSError, ValueError):
            return False
        return made == self._content(number) and record == self._record(number, made)

    def _content(self, number: int) -> bytes:
        video = Path(self.request["video"]).read_bytes()
        size = -(-len(video) // self.count)
        return video[number * size : (number + 1) * size]

    def _record(self, number: int, content: bytes) -> dict[str, Any]:
        files = {name: sha256(Path(self.request[name]).read_bytes()) for name in ("video", "audio")}
        return {
            "number": number,
            "sha256": sha256(content),
            "size_bytes": len(content),
            "recipe": {**files, "options": self.request.get("options", {}), "model": MODEL},
        }

    def _path(self, number: int, ending: str) -> Path:
        return Path(self.request["segments"]) / f"{number:05d}.{ending}"


def facts(out: Path, request: Request, pieces: Pieces) -> dict[str, Any]:
    """What the engine tells of a result: 25 frames a second, 50 frames, so two seconds."""
    options = {"steps": 20, "guidance": 1.5, "seed": 1247, **request.get("options", {})}
    return {
        **{name: options[name] for name in ("steps", "guidance", "seed")},
        "frames": FRAMES,
        "synced_frames": FRAMES,
        "passed_through": [],
        "frame_rate": "25/1",
        "duration_numerator": SECONDS,
        "duration_denominator": 1,
        "width": 64,
        "height": 48,
        "size_bytes": out.stat().st_size,
        "sha256": sha256(out.read_bytes()),
        "model": MODEL,
        "device": "cpu",
        "stage_seconds": {"generate": 0.1},
        "warnings": [],
        "resumed_pieces": pieces.resumed,
    }


def by_lot(request: Request, lots: Mapping[str, Any] | None) -> dict[str, Any]:
    if lots is None:
        return {}
    drawn = random.Random(f"{lots['seed']} {request['id']}").random()
    for then, share in lots["shares"].items():
        drawn -= share
        if drawn < 0:
            return {"then": then}
    return {}


def progress(request: Request, done: int, total: int) -> dict[str, Any]:
    told = {"stage": "generate", "done": done, "total": total}
    return {"event": "progress", "id": request["id"], **told}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fail(request: Request, code: str, *, refusal: bool) -> None:
    told = {"message": f"The stub was told to {code}.", "hint": "", "refusal": refusal}
    say({"event": "failed", "id": request["id"], "code": code, **told})


def say(event: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def load(seconds: float, until: str | None) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and not (until and Path(until).exists()):
        time.sleep(min(left, 0.02))


def bound_sleep(seconds: int) -> list[str]:
    """A sleep that ends with this process, as the engine's media process does."""
    code = (
        "import ctypes, os, sys, time; parent, seconds = map(int, sys.argv[1:]);"
        f"ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, {int(signal.SIGKILL)});"
        "os.getppid() == parent and time.sleep(seconds)"
    )
    return [sys.executable, "-S", "-c", code, str(os.getpid()), str(seconds)]


def die_with_parent() -> None:
    """As inference.media.sandbox has it, whose package would load a decoder."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", type=Path, default=Path())
    die_with_parent()
    Stub(parser.parse_known_args()[0].bundle).serve()
