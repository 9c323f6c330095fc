"""Runs in the throw-away process only: everything that parses what strangers sent.

Started by `inference.media.process` with open descriptors and a request; answers on standard
output (see `wire`). All modules are imported before the process confines itself, because it can
open no file afterwards.
"""

import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Callable
from typing import Any

import av

from inference.media import wire
from inference.media.child import listening, previewing, probing, timekeeping, watching
from inference.media.child.refusals import refused
from inference.media.limits import MediaLimits
from inference.media.sandbox import Rations, confine, die_with_parent

TASKS: dict[str, Callable[[dict[str, Any], MediaLimits], None]] = {
    "probe": probing.probe,
    "preview": previewing.preview,
    "sound": listening.sound,
    "frames": watching.frames,
    "timing": timekeeping.timing,
}
NOT_NEEDED = {"av.__main__", "av.datasets"}


def load_everything() -> None:
    """PyAV imports some of its modules when they are first used; then it would be too late."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if module.name not in NOT_NEEDED:
            importlib.import_module(module.name)


def main() -> None:
    request = json.loads(sys.argv[2])
    die_with_parent(request["parent"])
    load_everything()
    av.logging.set_level(None)
    limits = MediaLimits(**request["limits"])
    try:
        confine(Rations(limits.memory_bytes, request["cpu_seconds"], request["file_bytes"]))
        TASKS[request["task"]](request, limits)
    except BrokenPipeError:
        os._exit(0)  # the parent has seen enough
    except Exception as error:
        answer = refused(error)
        wire.send(wire.REPLY, {"kind": "error", "code": answer.code, "message": str(answer)})
    # Not sys.exit: closing decoders of a hostile file is one more chance for it.
    os._exit(0)
