"""Which model a bundle is. The official UNets of 256 and 512 px have the same keys and shapes, so
that their file alone can't tell."""

import re
from dataclasses import dataclass
from pathlib import Path

from inference.errors import BadOption
from inference.model.manifest import MOST_PIXELS

RESOLUTIONS = {"1.5": 256, "1.6": 512}  # version -> pixels
VERSIONS = {pixels: version for version, pixels in RESOLUTIONS.items()}
NEWEST = "1.6"
PIXELS_A_LATENT = 8
IN_A_NAME = re.compile(r"(?<![\d.])1\.[56](?![\d.]*\d)")  # LatentSync-1.6, v1.5; not 11.6 or 1.6.2
FOLDERS_ASKED = 2  # the file's own name and the folders it lies in, so many


@dataclass(frozen=True)
class Identity:
    """resolution: side of the square face in pixels. how: told, found, or assumed."""

    name: str
    label: str
    version: str
    resolution: int
    how: str


def identify(
    unet: Path,
    *,
    resolution: int | None = None,
    version: str | None = None,
    name: str | None = None,
    label: str | None = None,
    levels: int = 4,
) -> Identity:
    """From what was told, or the UNet's path; else the newest is assumed, and `how` says so.

    levels: of the UNet; each but the last halves the latents. Raises BadOption for a resolution
    that can't be halved so often, or that no manifest may have.
    """
    found = _in_path(unet)
    if resolution is not None or version in RESOLUTIONS:
        how = "told"
    else:
        how = f"found in the path {unet}" if found else "assumed"
    if resolution is None:
        resolution = RESOLUTIONS[version if version in RESOLUTIONS else found or NEWEST]
    step = PIXELS_A_LATENT * 2 ** (levels - 1)
    if not step <= resolution <= MOST_PIXELS or resolution % step:
        raise BadOption(
            f"The resolution {resolution} is no multiple of {step} from {step} to {MOST_PIXELS}."
        )
    version = version or VERSIONS.get(resolution) or "unnamed"
    return Identity(
        name or f"latentsync-{version}", label or f"LatentSync {version}", version, resolution, how
    )


def _in_path(unet: Path) -> str | None:
    for part in reversed(unet.absolute().parts[-1 - FOLDERS_ASKED :]):
        if found := IN_A_NAME.search(part):
            return found[0]
    return None
