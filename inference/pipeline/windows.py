"""What the network gets at once: sixteen frames of the result, and the faces in them.

A window begins at every sixteenth frame of the result, whatever the frames show, so the same frames
lie in the same window when a part is made anew or a run goes on after a stop.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from torch import Tensor

from inference.media.source import Frame
from inference.model.diffusion import WINDOW_FRAMES
from inference.picture.align import Aligner, Image, Matrix
from inference.pipeline.layers import Layer, Part
from inference.stopwatch import Stopwatch


@dataclass(frozen=True)
class Target:
    """A face that gets a mouth. reference: (R, R, 3), the aligned face as the source has it."""

    track: int
    sound: str | None
    reference: Image
    matrix: Matrix
    opacity: float
    bridged: bool


@dataclass
class Shot:
    """A frame of the result. place: from 0. layer: which of the layers it is painted with."""

    frame: Frame
    place: int
    seconds: Fraction
    layer: int
    targets: dict[int, list[Target]] = field(default_factory=dict)  # by layer
    reason: str = ""
    painted: list[tuple[Target, Tensor]] = field(default_factory=list)

    @property
    def state(self) -> str:
        """ "synced", "bridged" (painted between two sightings of the face), "passed_through"."""
        if not self.painted:
            return "passed_through"
        return "bridged" if all(target.bridged for target, _ in self.painted) else "synced"


@dataclass
class Window:
    """Consecutive shots; `first` is the place of the first of them. tentative: a guess at whose
    mouths are painted is in it."""

    shots: list[Shot]
    tentative: bool = False

    @property
    def first(self) -> int:
        return self.shots[0].place


class Cutter:
    """Cuts frames into windows and their faces out of them.

    edits: when the parts that are made anew begin and end, in seconds of the result; edits[i] is
    painted with layers[i + 1], everything else with layers[0]. A window that several layers share
    is painted whole with each, and a frame taken from its own: so the frames outside of a part are
    what they were.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        aligner: Aligner,
        tick: Fraction,
        watch: Stopwatch,
        *,
        edits: Sequence[tuple[Fraction, Fraction]] = (),
    ) -> None:
        self._layers, self._aligner, self._tick = layers, aligner, tick
        self._watch, self._edits = watch, edits
        self.edited = 0  # frames so far that are painted with the last layer

    def layer_of(self, seconds: Fraction) -> int:
        """The last edit counts in which the frame begins."""
        covering = [i for i, (start, end) in enumerate(self._edits) if start <= seconds < end]
        return covering[-1] + 1 if covering else 0

    def windows(self, frames: Iterable[Frame], first: int = 0) -> Iterator[Window]:
        """first: the place of the first frame, which begins a window. The last has what remains."""
        shots: list[Shot] = []
        for place, frame in enumerate(frames, start=first):
            seconds = frame.time * self._tick
            shots.append(Shot(frame, place, seconds, self.layer_of(seconds)))
            self.edited += shots[-1].layer == len(self._edits)
            if len(shots) == WINDOW_FRAMES:
                yield self._cut(shots)
                shots = []
        if shots:
            yield self._cut(shots)

    @property
    def firm(self) -> bool:
        """Whether it is decided whose mouths are painted: no window from now on is tentative."""
        return all(layer.plan.firm for layer in self._layers)

    @property
    def misled(self) -> bool:
        return any(layer.plan.misled for layer in self._layers)

    def wait_until_firm(self, check: Callable[[], None]) -> None:
        """check: called meanwhile; what it raises ends the wait."""
        for layer in self._layers:
            layer.plan.wait_until_firm(check)

    def cut_anew(self, window: Window) -> None:
        """As it would have been cut now."""
        for shot in window.shots:
            shot.targets, shot.reason, shot.painted = {}, "", []
        window.tentative = self._cut(window.shots).tentative

    def _cut(self, shots: list[Shot]) -> Window:
        firm = self.firm
        self._aim(shots)
        guessed = any(layer.plan.guessed for layer in self._layers)
        return Window(shots, tentative=guessed and not firm)

    def _aim(self, shots: list[Shot]) -> None:
        for number in sorted({shot.layer for shot in shots}):
            layer = self._layers[number]
            times = [shot.seconds for shot in shots]
            loud = {sound: voice.opacity(times) for sound, voice in layer.voices.items()}
            for place, shot in enumerate(shots):
                parts = layer.plan.at(shot.frame.number)
                shot.targets[number] = [
                    self._target(shot, part, part.opacity * loud[part.sound][place])
                    for part in parts
                    if part.opacity * loud[part.sound][place] > 0
                ]
                if shot.layer == number and not shot.targets[number]:
                    shot.reason = _reason(shot, layer, seen=bool(parts))

    def _target(self, shot: Shot, part: Part, opacity: float) -> Target:
        with self._watch("align"):
            reference = self._aligner.warp_picture(shot.frame.picture, part.matrix)
        return Target(part.track, part.sound, reference, part.matrix, opacity, part.bridged)


def _reason(shot: Shot, layer: Layer, *, seen: bool) -> str:
    """seen: there is a face, but nothing for it to say."""
    if not seen:
        return layer.plan.reason(shot.frame.number)
    return "after_sound" if shot.seconds >= layer.voices[None].duration else "silence"
