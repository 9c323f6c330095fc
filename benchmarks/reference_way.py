"""The way LatentSync's own program goes around its network, to compare with. Sequential and plain.

Written from a description of what that program does, step by step, not from its code: the film is
first made a 25-fps file, all frames are read into memory, each face is aligned by a warp of the
whole frame, each result is warped back over the whole frame with its mask, and the film is written
twice. Nothing is done worse than described: OpenCV and torch do the work, with all cores.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.measuring import Spent
from inference.faces import Finder
from inference.faces.face import usable
from inference.picture.align import OUTSIDE, Aligner, Matrix, canvas_size, invert

Rgb = npt.NDArray[np.uint8]

RATE = 25
WINDOW_FRAMES = 16
# (f, 3, R, R) uint8 faces and the place of the first -> what the network makes of them, -1..1.
Network = Callable[[Tensor, int], Tensor]
# Constant rate factors of the three encodes: the 25-fps copy, the frames, the final file.
COPY_CRF, FRAMES_CRF, FINAL_CRF = 18, 13, 18


@dataclass
class Baseline:
    """One film's way. work: all but the encoders; encoders: the three encodes, flushing included.

    folder: for its files. preset: of libx264, for all three. network: None gives the faces back.
    """

    folder: Path
    finder: Finder
    resolution: int
    mask: Tensor
    preset: str
    network: Network | None = None
    work: Spent = field(default_factory=Spent)
    encoders: Spent = field(default_factory=Spent)
    stages: dict[str, Spent] = field(default_factory=dict)

    def run(self, video: Path) -> tuple[Path, int]:
        """The final file, and how many frames it has."""
        copy, made, final = (self.folder / f"{name}.mp4" for name in ("copy", "made", "final"))
        with self._stage("decode"):
            pictures = list(at_25(video))
        with self.encoders.measured():
            encode(copy, pictures, COPY_CRF, self.preset)
        del pictures
        with self._stage("decode"):
            frames = read_all(copy)
        with self._stage("faces and align"):
            aligned = self._aligned(frames)
        with self._stage("network"):
            decoded = self._decoded(torch.stack([face for face, _ in aligned]))
        with self._stage("paste"):
            results = self._pasted(frames, aligned, decoded)
        with self.encoders.measured():
            encode(made, results, FRAMES_CRF, self.preset)
        count = len(results)
        del results, frames, aligned, decoded
        with self._stage("decode"):
            pictures = list(at_25(made))
        with self.encoders.measured():
            encode(final, pictures, FINAL_CRF, self.preset)
        return final, count

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        with ExitStack() as stack:
            for spent in (self.work, self.stages.setdefault(name, Spent())):
                stack.enter_context(spent.measured())
            yield

    def _aligned(self, frames: Sequence[Rgb]) -> list[tuple[Tensor, Matrix]]:
        aligner, found = Aligner(self.resolution), []
        for frame in frames:
            faces = self.finder.find_all(frame)
            if not faces or not usable(faces[0]):
                raise RuntimeError("Face not detected")  # as that program ends
            matrix = aligner.matrix(faces[0].points3)
            found.append((align(frame, matrix, self.resolution), matrix))
        return found

    def _decoded(self, faces: Tensor) -> Tensor:
        """In -1..1, the kept part from the source."""
        pixels = (faces.float() / 255 - 0.5) / 0.5
        if self.network is None:
            return pixels
        windows = range(0, len(faces), WINDOW_FRAMES)
        made = [self.network(faces[i : i + WINDOW_FRAMES], i) for i in windows]
        return torch.cat(made) * (1 - self.mask) + pixels * self.mask

    def _pasted(
        self, frames: Sequence[Rgb], aligned: Sequence[tuple[Tensor, Matrix]], decoded: Tensor
    ) -> list[Rgb]:
        return [
            restore(frame, face, matrix)
            for frame, (_, matrix), face in zip(frames, aligned, decoded, strict=True)
        ]


def at_25(path: Path) -> Iterator[av.VideoFrame]:
    """Frames as a 25-fps file has them: the one that is shown at each 25th of a second."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        stream.thread_type = "AUTO"
        number, before = 0, None
        for frame in source.decode(stream):
            while before is not None and Fraction(number, RATE) < frame.pts * stream.time_base:
                yield before
                number += 1
            before = frame
        over = before.pts * stream.time_base + 1 / stream.average_rate if before else 0
        while Fraction(number, RATE) < over:
            yield before
            number += 1


def read_all(path: Path) -> list[Rgb]:
    film = cv2.VideoCapture(str(path))
    frames: list[Rgb] = []
    while True:
        more, frame = film.read()
        if not more:
            film.release()
            return frames
        frames.append(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8))


def encode(path: Path, pictures: Iterable[av.VideoFrame | Rgb], crf: int, preset: str) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": str(crf), "preset": preset})
        for number, picture in enumerate(pictures):
            if not isinstance(picture, av.VideoFrame):
                picture = av.VideoFrame.from_ndarray(picture, "rgb24")
            if not number:
                stream.width, stream.height, stream.pix_fmt = (
                    picture.width,
                    picture.height,
                    "yuv420p",
                )
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))


def warp(picture: Tensor, matrix: npt.NDArray[np.float64], width: int, height: int) -> Tensor:
    """(1, c, h, w) -> (1, c, height, width): what lies where the matrix, output to input, says."""
    source = _centers(picture.shape[3], picture.shape[2])
    theta = np.linalg.inv(source) @ np.vstack([matrix, [0, 0, 1]]) @ _centers(width, height)
    size = [1, picture.shape[1], height, width]
    grid = F.affine_grid(torch.from_numpy(theta[None, :2]).float(), size, align_corners=False)
    return F.grid_sample(picture, grid, mode="bilinear", align_corners=False)


def _centers(width: int, height: int) -> npt.NDArray[np.float64]:
    """From torch's -1..1, outer edge to outer edge, to pixels whose centers are whole numbers."""
    return np.array([[width / 2, 0, (width - 1) / 2], [0, height / 2, (height - 1) / 2], [0, 0, 1]])


def align(frame: Rgb, matrix: Matrix, resolution: int) -> Tensor:
    """(H, W, 3) -> (3, R, R) uint8."""
    width, height = canvas_size(resolution)
    picture = torch.from_numpy(frame).permute(2, 0, 1).float()[None] - OUTSIDE
    canvas = warp(picture, invert(matrix), width, height)[0] + OUTSIDE
    levels = canvas.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    square = cv2.resize(levels, (resolution, resolution), interpolation=cv2.INTER_LANCZOS4)
    return torch.from_numpy(square).permute(2, 0, 1)


def restore(frame: Rgb, face: Tensor, matrix: Matrix) -> Rgb:
    """A copy of the frame with the face, (3, R, R) in -1..1, in it; all over the frame."""
    height, width = frame.shape[:2]
    canvas_width, canvas_height = canvas_size(face.shape[-1])
    canvas = F.interpolate(
        face[None], (canvas_height, canvas_width), mode="bicubic", antialias=True
    )
    place = matrix.astype(np.float64)
    pasted = warp(canvas - OUTSIDE, place, width, height) + OUTSIDE
    levels = (pasted[0] / 2 + 0.5).clamp(0, 1) * 255
    covered = warp(torch.ones(1, 1, canvas_height, canvas_width), place, width, height)
    # The smallest of each pixel and its neighbors above and to the left; borders don't count.
    solid = -F.max_pool2d(F.pad(-covered, (1, 0, 1, 0), value=-math.inf), 2, stride=1)
    soft = _softened(solid[0, 0].numpy())
    source = torch.from_numpy(frame).permute(2, 0, 1).float()
    blend = soft * (solid[0] * levels) + (1 - soft) * source
    return blend.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _softened(solid: npt.NDArray[np.float32]) -> Tensor:
    edge = int(math.sqrt(float(solid.sum(dtype=np.float64)))) // 20
    if not edge:
        return torch.from_numpy(solid)
    shrunk = cv2.erode(solid, np.ones((2 * edge, 2 * edge), np.uint8))
    size = 2 * edge + 1
    sigma = 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    return torch.from_numpy(cv2.GaussianBlur(shrunk, (size, size), sigma))
