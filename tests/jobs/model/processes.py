"""What tests tell the stub, hear from it, and see of its processes."""

import json
import os
from contextlib import suppress
from pathlib import Path

PATIENCE_SECONDS = 60  # with a busy machine
A_MINUTE = {"steps": 3000, "step_seconds": 0.02}  # for a job that something else ends


def plan(bundle, **behavior):
    (bundle / "stub.json").write_text(json.dumps(behavior))


def last_event(child, *kinds):
    """Events until one of the kinds; each must come in PATIENCE_SECONDS."""
    while True:
        event = child.next_event(PATIENCE_SECONDS)
        assert event is not None, f"no event of {kinds}"
        if event["event"] in kinds:
            return event


def others_in_group(leader):
    """The processes that share the leader's group, without itself."""
    groups = {int(path.parent.name): path for path in Path("/proc").glob("[0-9]*/stat")}
    return [pid for pid in groups if pid != leader and _group(pid) == leader]


def _group(pid):
    with suppress(OSError):
        return os.getpgid(pid)


def is_alive(pid):
    """Whether it runs: a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
