"""The crash points as the tests see them: who passes each, at what work, and what a death costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LONG = {"steps": 75, "step_seconds": 0.08}
IN_PIECES = {**LONG, "piece_steps": 4}


@dataclass(frozen=True)
class Place:
    """`attempts` is how many claims a job has in the end whose process died there."""

    point: str
    process: str
    attempts: int = 1
    plan: Mapping[str, Any] = field(default_factory=dict)
    told_to_stop: bool = False  # it is passed on the way out, after a SIGTERM

    def __str__(self) -> str:
        return self.point


PLACES = (
    Place("submit.before_commit", "submitter"),
    Place("submit.committed", "submitter"),
    Place("admission.before_commit", "dispatcher"),
    Place("admission.committed", "dispatcher"),
    Place("outbox.claimed", "dispatcher"),
    Place("outbox.sent", "dispatcher"),
    Place("outbox.marked", "dispatcher"),
    Place("reconcile.before_commit", "dispatcher", 2, LONG),
    Place("reconcile.committed", "dispatcher", 2, LONG),
    Place("probe.before_commit", "task-worker"),
    Place("probe.committed", "task-worker"),
    Place("message.received", "gpu-worker"),
    Place("claim.before_commit", "gpu-worker"),
    Place("claim.committed", "gpu-worker", 2),
    Place("beat.before_commit", "gpu-worker", 2, LONG),
    Place("beat.committed", "gpu-worker", 2, LONG),
    Place("hold.before", "gpu-worker", 2, LONG),
    Place("hold.extended", "gpu-worker", 2, LONG),
    Place("segment.before_put", "gpu-worker", 2, IN_PIECES),
    Place("segment.put", "gpu-worker", 2, IN_PIECES),
    Place("segment.recorded", "gpu-worker", 2, IN_PIECES),
    Place("result.before_put", "gpu-worker", 2),
    Place("result.put", "gpu-worker", 2),
    Place("succeed.before_commit", "gpu-worker", 2),
    Place("succeed.committed", "gpu-worker"),
    Place("release.before_commit", "gpu-worker", 2, IN_PIECES, told_to_stop=True),
    Place("release.committed", "gpu-worker", 2, IN_PIECES, told_to_stop=True),
    Place("message.before_delete", "gpu-worker"),
    Place("message.deleted", "gpu-worker"),
)


def passed_by(process: str) -> list[Place]:
    return [place for place in PLACES if place.process == process]
