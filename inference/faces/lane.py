"""One person's frames in the source's order: where the mouth is painted, and how strongly.

Three stages, each with a short delay: measured points that jump away and come back are dropped;
gaps of up to 5 frames are bridged if the face is still in the picture; at the edges of longer ones
the mouth fades over 3 frames.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from inference.faces.bridge import Bridge
from inference.faces.fading import Fader
from inference.faces.jumps import JumpGate
from inference.faces.sight import BRIDGE_FRAMES, Sight, packed, unpacked


class Lane:
    """All stages for one person. born: the place of the frame in which they are first seen."""

    def __init__(self, born: int) -> None:
        self.gate, self.bridge, self.fader = JumpGate(), Bridge(), Fader(absent=born)
        self.born, self.settled_to = born, born  # places below settled_to are settled

    @property
    def asleep(self) -> bool:
        """In a long gap with nothing to settle: it need not be shown frames without the face."""
        waits = self.gate.waiting or self.bridge.gap or self.fader.waiting
        return not waits and self.fader.absent > BRIDGE_FRAMES

    def push(self, sight: Sight) -> list[Sight]:
        return self._note(self._fade(self._bridge(self.gate.push(sight))))

    def flush(self) -> list[Sight]:
        bridged = [*self._bridge(self.gate.flush()), *self.bridge.flush()]
        return self._note([*self._fade(bridged), *self.fader.flush()])

    def _bridge(self, sights: list[Sight]) -> list[Sight]:
        return [settled for sight in sights for settled in self.bridge.push(sight)]

    def _fade(self, sights: list[Sight]) -> list[Sight]:
        # From here on nobody looks at the pictures.
        plain = [replace(sight, glance=None) for sight in sights]
        return [settled for sight in plain for settled in self.fader.push(sight)]

    def _note(self, settled: list[Sight]) -> list[Sight]:
        if settled:
            self.settled_to = settled[-1].place + 1
        return settled

    def state(self) -> dict[str, Any]:
        """For JSON; restore() takes it back, exactly."""
        return {
            "born": self.born,
            "settled_to": self.settled_to,
            "last": None if self.gate.last is None else self.gate.last.tolist(),
            "missed": self.gate.missed,
            "suspects": packed(self.gate.waiting),
            "before": packed([self.bridge.before] if self.bridge.before else []),
            "gap": packed(self.bridge.gap),
            "absent": self.fader.absent,
            "shown": self.fader.shown,
            "fading_in": self.fader.fading_in,
            "fading": packed(self.fader.waiting),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.born, self.settled_to = state["born"], state["settled_to"]
        last = None if state["last"] is None else np.array(state["last"])
        self.gate = JumpGate(last, state["missed"], unpacked(state["suspects"]))
        before = next(iter(unpacked(state["before"])), None)
        self.bridge = Bridge(before, unpacked(state["gap"]))
        fading = unpacked(state["fading"])
        self.fader = Fader(state["absent"], state["shown"], state["fading_in"], fading)
