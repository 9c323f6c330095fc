"""A poster picture, and a film that every browser plays where the source is not one."""

from dataclasses import dataclass
from pathlib import Path

from inference.media.limits import MEBIBYTE, MediaLimits
from inference.media.process import MediaProcess

PREVIEW_CPU_SECONDS = 1800
PREVIEW_MAX_BYTES = 1024 * MEBIBYTE


@dataclass(frozen=True)
class Preview:
    """`poster` is a JPEG at most 1280 wide or high. `preview` is an 8-bit H.264 + AAC mp4 of at
    most 720 lines, or None where browsers play the source itself. Sound alone has neither."""

    poster: Path | None
    preview: Path | None


def make_preview(
    path: str | Path, folder: str | Path, *, limits: MediaLimits | None = None
) -> Preview:
    """Write `poster.jpg` and, if needed, `preview.mp4` into the folder.

    Raises what probe() raises. After an error neither file is there.
    """
    poster, preview = Path(folder) / "poster.jpg", Path(folder) / "preview.mp4"
    request = {"task": "preview", "cpu_seconds": PREVIEW_CPU_SECONDS}
    try:
        with MediaProcess(
            request,
            source=path,
            outputs={"poster": poster, "preview": preview},
            file_bytes=PREVIEW_MAX_BYTES,
            limits=limits or MediaLimits(),
        ) as process:
            made = process.read("made", lambda header: list(header["files"]))
    except BaseException:
        made = []
        raise
    finally:
        for name, file in (("poster", poster), ("preview", preview)):
            if name not in made:
                file.unlink(missing_ok=True)
    return Preview(
        poster=poster if "poster" in made else None,
        preview=preview if "preview" in made else None,
    )
