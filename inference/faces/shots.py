"""Where a film's next shot begins: frames compared as thumbnails of 32 x 18 levels."""

import cv2
import numpy as np

from inference.faces.appearance import Gray, correlation
from inference.faces.face import Rgb

SIZE = (32, 18)
# A cut: the whole picture's pattern of light is another, and so are its levels. A flash or a fade
# changes levels, a moving camera the pattern, a cut both.
CUT_CORRELATION, CUT_LEVELS = 0.4, 12.0
SAMPLE_SIDE = 480  # of a larger frame every other pixel, or fewer, is enough


def glimpse(rgb: Rgb) -> Gray:
    """(18, 32): the frame's light."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(gray, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def sampled(rgb: Rgb) -> Gray:
    """As glimpse(), of any frame's every so many pixels: quick."""
    step = max(1, max(rgb.shape[:2]) // SAMPLE_SIDE)
    return glimpse(np.ascontiguousarray(rgb[::step, ::step]))


def is_cut(before: Gray, after: Gray) -> bool:
    levels, pattern = _changes(before, after)
    return levels and pattern


def is_other(before: Gray, after: Gray) -> bool:
    """Whether so much is another that somebody may be anywhere: a cut, and what only may be one."""
    return any(_changes(before, after))


def _changes(before: Gray, after: Gray) -> tuple[bool, bool]:
    a, b = before.astype(np.float32), after.astype(np.float32)
    return float(np.abs(a - b).mean()) > CUT_LEVELS, correlation(a, b) < CUT_CORRELATION
