"""The accumulator that a run feeds: windows, patches, frames."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inference.picture.align import Matrix, canvas_size
from inference.report.figures import Enlargement, Flicker, Seam, Sharpness
from inference.report.ranges import STATES, FrameLog
from inference.report.windows import WindowTally, finding
from inference.report.zones import Marks, Zones

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    """One face of the frame before, in gray: what flicker is measured against."""

    index: int
    before: Marks
    after: Marks


class Measures:
    """Figures of one run, or of a segment of it; mask: the model's, (R, R), 1 = keep.

    Memory does not grow with the film but by the stretches of frames that were not simply synced
    and by the windows that failed. Costs well under a millisecond a frame at 256 px.
    """

    def __init__(self, mask: Tensor) -> None:
        self.zones = Zones.of(mask)
        self.windows, self.frames = WindowTally(), FrameLog()
        self.sharpness, self.seam, self.flicker = Sharpness(), Seam(), Flicker()
        self.enlargement = Enlargement()
        self._seen: dict[int, Seen] = {}  # by track

    def window(
        self,
        first: int,
        decoded: Tensor,
        *,
        references: Rgb | None = None,
        again: bool | None = None,
    ) -> str:
        """Look at what the network gave, (frames, 3, R, R) in about -1..1, before it is laid.

        Answers "ok", "not_finite" or "constant"; it is for the caller to try again or to fail.
        Asking again with the same `first` is that second attempt, unless `again` says which it is:
        of several people in one window each has a first attempt. references: (frames, R, R, 3),
        so that a face that is one color in the source is not held against the network.
        """
        picked = torch.from_numpy(self.zones.sample)
        mouths = decoded.flatten(2)[:, :, picked.to(decoded.device)].float().cpu()
        shown = None
        if references is not None:
            shown = torch.from_numpy(references).flatten(1, 2)[:, picked].transpose(1, 2)
        found = finding(decoded, mouths, shown)
        self.windows.add(first, mouths, found, again=again)
        return found

    def patch(self, index: int, before: Rgb, after: Rgb, matrix: Matrix, *, track: int = 0) -> None:
        """Measure one patch on the aligned square, (R, R, 3) each, in the order of the result.

        before: the source's face. after: the same with the mouth laid in (Blender.composed).
        matrix: the one that aligned it, frame to canvas. track: whose face, if there are several.
        """
        before, after = (np.ascontiguousarray(face[self.zones.box]) for face in (before, after))
        self._measure_seam(index, before, after)
        gray, painted = (cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in (before, after))
        self.sharpness.add(index, *(self._variance(face) for face in (gray, painted)))
        self._measure_flicker(Seen(index, gray, painted), track)
        self.enlargement.add(index, enlargement(matrix, self.zones.resolution))

    def frame(
        self, index: int, state: str, reason: str = "", *, seconds: Fraction | float | None = None
    ) -> None:
        """Note what became of a frame of the result: "synced", "bridged" or "passed_through".

        reason: one word, as plan.reason() gives it. seconds: when it is shown, for the time code.
        """
        if state not in STATES:
            raise ValueError(f"{state!r} is not one of {', '.join(STATES)}")
        self.frames.add(index, state, reason, seconds)

    def to_mapping(self) -> dict[str, Any]:
        """The measured part of report.json: frames, windows and the figures of the picture."""
        counts = self.frames.counts
        return {
            "frames": {"count": self.frames.count, **counts, "ranges": list(self.frames)},
            "windows": self.windows.figure(),
            "sharpness": self.sharpness.figure(),
            "seam": self.seam.figure(),
            "flicker": self.flicker.figure(),
            "patch": {
                "resolution": self.zones.resolution,
                "enlargement": self.enlargement.figure(),
            },
        }

    def state(self) -> dict[str, Any]:
        """JSON-ready sums of all so far, for a segment's record.

        The frame before is forgotten with it: a run that goes on from the record and one that was
        never interrupted then count the same pairs of frames.
        """
        self._seen = {}
        return {name: part.state() for name, part in self._parts().items()}

    def absorb(self, state: dict[str, Any]) -> None:
        """Add what state() gave for the frames that come after those counted here."""
        for name, part in self._parts().items():
            part.absorb(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "windows": self.windows,
            "sharpness": self.sharpness,
            "seam": self.seam,
            "flicker": self.flicker,
            "enlargement": self.enlargement,
        }

    def _variance(self, gray: Marks) -> float:
        edges = cv2.Laplacian(gray, cv2.CV_16S, ksize=1)
        deviation = cv2.meanStdDev(edges, mask=self.zones.inside)[1]
        return float(deviation[0, 0]) ** 2

    def _measure_seam(self, index: int, before: Rgb, after: Rgb) -> None:
        source, result = (_steps(self.zones.means(face)) for face in (before, after))
        added = max(0.0, float((result - source).max()))
        self.seam.add(index, float(source.max()), float(result.max()), added)

    def _measure_flicker(self, now: Seen, track: int) -> None:
        last = self._seen.get(track)
        # Whoever is gone for a frame is no pair any more: nobody's picture is kept for longer.
        self._seen = {key: seen for key, seen in self._seen.items() if seen.index >= now.index - 1}
        self._seen[track] = now
        if last is None or last.index != now.index - 1:
            return
        moved = cv2.absdiff(now.before, last.before)
        self.flicker.add(
            now.index,
            result=cv2.mean(cv2.absdiff(now.after, last.after), self.zones.inside)[0],
            source=cv2.mean(moved, self.zones.inside)[0],
            around=cv2.mean(moved, self.zones.around)[0],
        )


def _steps(lines: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(lines, sectors, 3) -> (lines - 1,): the mean step from each line to the next."""
    steps = np.abs(np.diff(lines, axis=0))
    # On a small square a line has no pixel in some sectors.
    return np.asarray(np.nanmean(steps.reshape(len(steps), -1), axis=1))


def enlargement(matrix: Matrix, resolution: int) -> float:
    """Pixels of the frame for a pixel of the square, along one side."""
    width, height = canvas_size(resolution)
    shrunk = abs(float(np.linalg.det(matrix[:, :2].astype(np.float64))))
    return float(np.sqrt(width * height / shrunk)) / resolution
