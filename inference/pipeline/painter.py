"""New mouths for a window of frames: the network, and a look at what it gave."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from torch import Tensor

from inference.errors import EngineFault
from inference.model.networks import Network, Request
from inference.pipeline.layers import Layer
from inference.pipeline.windows import Shot, Target, Window
from inference.report.measures import Measures
from inference.report.windows import CONSTANT, NOT_FINITE, OK, WindowTally
from inference.stopwatch import Stopwatch

FAULTS = {
    NOT_FINITE: "is no picture: its numbers overflowed",
    CONSTANT: "is one even color: its numbers died",
}

OnFrames = Callable[[int], None]
Mark = tuple[WindowTally, dict[str, Any]]


class Painter:
    """Paints the windows of one film. measures: of the segment that a place lies in."""

    def __init__(
        self,
        network: Network,
        layers: Sequence[Layer],
        measures: Callable[[int], Measures],
        watch: Stopwatch,
        should_cancel: Callable[[], bool] | None = None,
    ) -> None:
        self._network, self._layers, self._watch = network, layers, watch
        self._measures, self._should_cancel = measures, should_cancel

    def mark(self, window: Window) -> Mark:
        """What undo() needs to forget what is painted of this window from now on."""
        tally = self._measures(window.first).windows
        return tally, tally.state()

    def undo(self, mark: Mark) -> None:
        """Several of them: the latest first."""
        tally, state = mark
        tally.restore(state)

    def paint(self, window: Window, on_frames: OnFrames | None = None) -> None:
        """Give the window's shots their faces. on_frames: how many frames of it are done by now."""
        groups = list(_groups(window))
        for number, (layer, pairs) in enumerate(groups):

            def stepped(step: int, number: int = number, layer: int = layer) -> None:
                steps = self._layers[layer].options.steps
                done = number + (step + 1) / steps
                if on_frames:
                    on_frames(int(len(window.shots) * done / len(groups)))

            faces = self._painted(self._layers[layer], pairs, stepped)
            for (shot, target), face in zip(pairs, faces, strict=True):
                if shot.layer == layer:
                    shot.painted.append((target, face))

    def _painted(
        self,
        layer: Layer,
        pairs: Sequence[tuple[Shot, Target]],
        on_step: Callable[[int], None],
    ) -> Tensor:
        sound = pairs[0][1].sound
        request = Request(
            faces=np.stack([target.reference for _, target in pairs]),
            places=[shot.place for shot, _ in pairs],
            heard=_heard(layer, sound, [shot.seconds for shot, _ in pairs]),
            options=layer.options,
            on_step=on_step,
            should_cancel=self._should_cancel,
        )
        measures, first = self._measures(request.places[0]), request.places[0]
        faces = self._network.paint(request, self._watch)
        found = measures.window(first, faces, references=request.faces, again=False)
        if found != OK and self._network.has_spare:
            faces = self._network.paint(request, self._watch, precise=True)
            found = measures.window(first, faces, references=request.faces, again=True)
        if found != OK:
            raise EngineFault(
                f"The network's picture at frame {first} {FAULTS[found]}.",
                hint="Run it in single precision, on another device, or with other weights.",
            )
        return faces


def _groups(window: Window) -> Iterator[tuple[int, list[tuple[Shot, Target]]]]:
    """(layer, faces): one person's faces at a time, for the network looks from frame to frame."""
    layers = sorted({layer for shot in window.shots for layer in shot.targets})
    for layer in layers:
        people: dict[tuple[int, str | None], list[tuple[Shot, Target]]] = {}
        for shot in window.shots:
            for target in shot.targets[layer]:
                people.setdefault((target.track, target.sound), []).append((shot, target))
        for pairs in people.values():
            yield layer, pairs


def _heard(layer: Layer, sound: str | None, seconds: Sequence[Fraction]) -> Tensor | None:
    heard = layer.voices[sound].heard
    return heard.windows_at(seconds) if heard else None
