"""How far is the mouth open? Read from the picture alone, with a rule, not with a trained network.

An open mouth shows the dark between the lips. The meter adds up, over the middle of the mouth, how
much darker each pixel is than the face's own skin at its darkest lip would be; blur moves that dark
about but doesn't take it away, and light, skin and beard cancel in the comparison.
"""

from __future__ import annotations

import numpy as np

# In parts of the aligned face's side.
MOUTH_ROWS, MOUTH_COLUMNS = (0.53, 0.80), (0.42, 0.58)
SKIN_ROWS, SKIN_COLUMNS = (0.42, 0.56), ((0.16, 0.34), (0.66, 0.84))
LUMA = np.array([0.299, 0.587, 0.114])
LIP_SHARE = 0.6  # of the skin's brightness; what is darker is the inside of the mouth


def mouth_opening(face: np.ndarray) -> float:
    """An aligned face, (R, R, 3) RGB 0-255 -> dark inside the mouth, in skin-brightness rows."""
    luma = face.astype(np.float64) @ LUMA
    skin = np.median(np.concatenate([_part(luma, SKIN_ROWS, c).ravel() for c in SKIN_COLUMNS]))
    mouth = _part(luma, MOUTH_ROWS, MOUTH_COLUMNS) / max(skin, 1.0)
    dark = np.clip(LIP_SHARE - mouth, 0, None)
    return float(dark.mean(axis=1).sum() / len(luma))


def _part(luma: np.ndarray, rows: tuple[float, float], columns: tuple[float, float]) -> np.ndarray:
    size = len(luma)
    (top, bottom), (left, right) = rows, columns
    return luma[round(top * size) : round(bottom * size), round(left * size) : round(right * size)]


def readings(faces: np.ndarray) -> np.ndarray:
    """(frames, R, R, 3) -> (frames,)."""
    return np.array([mouth_opening(face) for face in faces])
