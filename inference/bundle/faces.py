"""InsightFace's two models in the folder that its packs are unpacked to."""

from pathlib import Path

from inference.bundle.onnx import refuse_broken_onnx
from inference.errors import BadOption, MissingCheckpoint

LANDMARKS = "2d106det.onnx"
DETECTORS = ("det_10g.onnx", "det_*.onnx", "scrfd_*.onnx")  # the first pattern that is there
UNPACK = "Unpack InsightFace's buffalo_l there: det_10g.onnx and 2d106det.onnx are used."


def find_faces(folder: Path) -> dict[str, Path]:
    """Role -> file, in the folder itself or below it.

    Raises MissingCheckpoint, BadOption where several could be meant, or what a broken file raises.
    """
    if not folder.is_dir():
        raise MissingCheckpoint(f"The folder {folder} is not there.", hint=UNPACK)
    detector = next((found for d in DETECTORS if (found := _one(folder, d))), None)
    landmarks = _one(folder, LANDMARKS)
    if detector is None or landmarks is None:
        lacking = LANDMARKS if landmarks is None else DETECTORS[0]
        raise MissingCheckpoint(f"The folder {folder} has no {lacking}.", hint=UNPACK)
    for path in (detector, landmarks):
        refuse_broken_onnx(path)
    return {"face_detector": detector, "face_landmarks": landmarks}


def _one(folder: Path, pattern: str) -> Path | None:
    found = sorted(folder.rglob(pattern))
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in found)
        raise BadOption(f"{folder} has several files that could be meant: {names}.", hint=UNPACK)
    return found[0] if found else None
