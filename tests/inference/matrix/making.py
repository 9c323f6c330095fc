"""The two files of a cell, and what is known of them because we made them."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from inference.demo.faces import Mouth, Pose, invent
from inference.demo.painting import draw
from tests.inference import clips
from tests.inference.matrix.axes import VARIABLE, Cell

Rgb = npt.NDArray[np.uint8]
FACE = 96  # a drawn head needs no more: it is about 70 pixels wide
LARGE_SIDE = 1920  # from here on the finder sees small heads no more: docs/limits.md has the sizes
BITS = 10
# Where the head lies in its square. What may be painted: the face below the eyes; all that the
# model sees of it where colors are not matched, as LatentSync does it.
PLACEMENT = np.array([[0.35, 0, 48 - 128 * 0.35], [0, 0.40, 52 - 130 * 0.40]])
MATCHED = (slice(30, 112), slice(2, 94))
PLAIN = (slice(-8, 118), slice(-2, 98))
MATRICES: dict[str, dict[str, Any]] = {
    "bt601": {"colorspace": 6, "color_primaries": 6, "color_trc": 6, "color_range": 1},
    "bt709": {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1},
    "full": {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 2},
    "hlg": {"colorspace": 9, "color_primaries": 9, "color_trc": 18, "color_range": 1},
    "pq": {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1},
}
BURST_HERTZ, BURST_SECONDS = 1000, Fraction(2, 100)
LOSSLESS = (".wav", ".flac")
FORMS = {  # codec, sample rate, channels, sample format
    "8k.wav": ("pcm_s16le", 8000, 1, "s16"),
    "16k.wav": ("pcm_s16le", 16000, 1, "s16"),
    "stereo.mp3": ("libmp3lame", 44100, 2, "fltp"),
    "24bit.wav": ("pcm_s24le", 48000, 2, "s32"),
    "5.1.flac": ("flac", 48000, 6, "s16"),
    "96k.m4a": ("aac", 96000, 1, "fltp"),
    "opus.ogg": ("libopus", 48000, 1, "flt"),
}
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
SOUND_SHARE = {"shorter": Fraction(6, 10), "equal": Fraction(1), "longer": Fraction(17, 10)}


@dataclass(frozen=True)
class Made:
    """video: its frames tell their numbers. starts: when each is shown, in seconds. faces: whether
    each has one. mouths: where mouths may be painted, of the picture as it is seen. seconds: of
    the sound; bursts: when its two clicks begin."""

    video: Path
    voice: Path
    starts: list[Fraction]
    end: Fraction
    faces: list[bool]
    mouths: npt.NDArray[np.bool_]
    seconds: Fraction
    bursts: list[Fraction]


def make(cell: Cell, folder: Path) -> Made:
    starts, end = times(cell)
    shown = [bool(heads(cell, number)) for number in range(cell.frames)]
    video = film(cell, folder / f"{cell.name}.{cell.container}", starts)
    share = SOUND_SHARE.get(cell.sound)
    if share is None:
        silent = folder / f"silent {cell.name}.mp4"
        clips.film(silent, [np.full((32, 32, 3), 90, np.uint8)])
        return Made(video, silent, starts, end, shown, mouths(cell), Fraction(0), [])
    suffix = Path(cell.form).suffix
    rate = FORMS[cell.form][1]
    seconds = Fraction(round(max(end * share, Fraction(1, 50)) * rate), rate)
    bursts = [Fraction(0), seconds - 3 * BURST_SECONDS] if seconds > Fraction(1, 4) else []
    voice = sound(cell.form, folder / f"{cell.name} voice{suffix}", seconds, bursts)
    return Made(video, voice, starts, end, shown, mouths(cell), seconds, bursts)


def times(cell: Cell) -> tuple[list[Fraction], Fraction]:
    """When each frame is shown, and when the last one ends."""
    if cell.rate != VARIABLE:
        return [n / cell.rate for n in range(cell.frames)], cell.frames / cell.rate
    kept = [n for n in range(2 * cell.frames) if n % 7 != 3][: cell.frames]
    return [Fraction(n, 25) for n in kept], Fraction(kept[-1] + 1, 25)


def heads(cell: Cell, number: int) -> list[tuple[int, int, int]]:
    """left, top and person of the heads in a frame."""
    width, height = cell.size
    side = head_side(cell)
    middle = ((width - side) // 2, (height - side) // 2, 0)
    few = min(3, cell.frames // 2)
    gap = {
        "start": range(few),
        "end": range(cell.frames - few, cell.frames),
        "gap of 1": range(7, 8),
        "gap of 20": range(12, 32),
        "none": range(cell.frames),
    }.get(cell.faces, range(0))
    if number in gap:
        return []
    if cell.faces == "two":
        return [(0, middle[1], 0), (width - side, height - side, 1)]
    if cell.faces == "edge":
        return [(width - side * 3 // 4, middle[1], 0)]
    return [middle]


def head_side(cell: Cell) -> int:
    """Of the square that a head is drawn in, in pixels: large enough to be found in its picture."""
    large = max(cell.size) // LARGE_SIDE
    cut_off = 2 if cell.faces == "edge" else 1  # a part of a head is found only if it is larger
    return FACE * max(1, large * cut_off)


def mouths(cell: Cell) -> npt.NDArray[np.bool_]:
    """(height, width): where a mouth of any of the heads may be painted."""
    width, height = cell.size
    found = np.zeros((height, width), bool)
    times = head_side(cell) // FACE
    for left, top, _ in heads(cell, cell.frames // 2) or heads(cell, 0):
        rows, columns = MATCHED if cell.match else PLAIN
        high, low = max(0, top + times * rows.start), top + times * rows.stop
        found[high:low, max(0, left + times * columns.start) : left + times * columns.stop] = True
    return found


@lru_cache
def head(person: int, side: int) -> Rgb:
    who = invent(1_000_100 + person)
    placement = PLACEMENT * (side // FACE)
    return draw(who, Pose(), Mouth(0.3, 0.5), size=(side, side), placement=placement)


def picture(cell: Cell, number: int) -> Rgb:
    """A frame as it is seen: heads over a slope of grays, its number in the first rows."""
    width, height = cell.size
    slope = np.linspace(70, 150, width, dtype=np.uint8)
    frame = np.repeat(np.broadcast_to(slope, (height, width))[..., None], 3, axis=2).copy()
    for left, top, person in heads(cell, number):
        part = head(person, head_side(cell))[: height - top, : width - left]
        frame[top : top + part.shape[0], left : left + part.shape[1]] = part
    strip = np.array([number >> bit & 1 for bit in range(BITS)], np.uint8) * 219 + 16
    rows = height // 12
    frame[:rows] = cv2.resize(strip[None], (width, rows), interpolation=cv2.INTER_NEAREST)[
        ..., None
    ]
    return frame


def number_in(luma: npt.NDArray[Any]) -> int:
    """What the first rows of a picture tell; turned pictures tell something else."""
    rows, width = luma.shape[0] // 12, luma.shape[1]
    field = luma[rows // 4 : rows * 3 // 4 + 1].astype(float).mean(axis=0)
    middle = 125 if luma.dtype == np.uint8 else 4 * 125  # ten bits
    places = [int((bit + 0.5) * width / BITS) for bit in range(BITS)]
    return sum(1 << bit for bit, place in enumerate(places) if field[place] > middle)


def film(cell: Cell, path: Path, starts: list[Fraction]) -> Path:
    codec, pix_fmt, options = coding(cell)
    pictures = (np.rot90(picture(cell, n), -(cell.rotation // 90)) for n in range(cell.frames))
    plain = cell.rate != VARIABLE
    return clips.film(
        path,
        (np.ascontiguousarray(each) for each in pictures),
        rate=cell.rate if plain else 25,
        codec=codec,
        pix_fmt=pix_fmt,
        rotation=cell.rotation,
        options=options,
        times=None if plain else [round(1000 * start) for start in starts],
        **MATRICES[cell.color],
    )


def coding(cell: Cell) -> tuple[str, str, dict[str, str]]:
    odd = cell.size[0] % 2 or cell.size[1] % 2
    if cell.container == "webm":
        fast = {"deadline": "realtime", "cpu-used": "8", "crf": "8", "b": "0"}
        if cell.deep:
            return "libvpx-vp9", "yuv420p10le", fast | {"profile": "2"}
        return "libvpx-vp9", "yuv420p", fast
    if cell.container == "avi":
        return "mpeg4", "yuv420p", {"qmin": "1", "qmax": "2"}
    kind = "yuv444p" if odd else "yuv420p"
    if cell.deep:
        return "libx265", f"{kind}10le", {"x265-params": "log-level=none"}
    return "libx264", kind, {}


def sound(form: str, path: Path, seconds: Fraction, bursts: list[Fraction]) -> Path:
    codec, rate, channels, kind = FORMS[form]
    wave = np.zeros(int(seconds * rate), np.float32)
    tone = 0.5 * np.sin(2 * np.pi * BURST_HERTZ * np.arange(int(BURST_SECONDS * rate)) / rate)
    for burst in bursts:
        start = round(burst * rate)
        wave[start : start + len(tone)] = tone
    with av.open(str(path), "w") as out:
        layout = LAYOUTS[channels]
        stream = out.add_stream(codec, rate=rate, layout=layout)
        resampler = av.AudioResampler(format=kind, layout=layout, rate=rate)
        for start in range(0, len(wave), 1024):
            block = np.repeat(wave[None, start : start + 1024], channels, axis=0)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), "fltp", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            for part in resampler.resample(frame):
                out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path
