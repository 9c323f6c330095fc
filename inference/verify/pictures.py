"""Goldens of the way from a frame to the aligned face and back, and of the mask."""

import re
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from inference.model.mask import SIDE, cover, draw_mask, enlarge, latent_mask, to_pixels
from inference.picture.align import Aligner, Image, Matrix
from inference.picture.paste import restore
from inference.verify.folder import Array, Arrays, Folder
from inference.verify.rows import Check, Row, Verdict, attempt, equal, near, never_asked

MASKS = "masks.npz"
AFFINE = r"affine_(\d+)\.npz"
OFFICIAL_SIZES = 256, 512
EXACT, MATRIX_LIMIT, LEVELS = 1e-6, 1e-3, 2
ALIGNED_MEAN, RESTORED_MEAN = 0.1, 0.05
DRAWN_LIMIT = 0.01  # share of the pixels


def faces(folder: Folder, file: str) -> Iterator[Row]:
    """Everything follows from the frame and the landmarks; no row leans on another's golden."""
    arrays = folder.arrays(file)
    resolution = int(arrays["generated"].shape[-1])
    smooth, plain = Aligner(resolution), Aligner(resolution, smooth=False)
    matrices = [smooth.matrix(points) for points in arrays["landmarks3"]]
    unsmoothed = [plain.matrix(points) for points in arrays["landmarks3"]]
    frame, width_height = arrays["frame"], smooth.canvas

    def of(name: str, compute: Callable[[str], Row]) -> Iterator[Row]:
        return attempt(f"{file} {name}", lambda: [compute(f"{file} {name}")])

    yield from of("matrices", lambda n: near(n, matrices, arrays["matrices"], MATRIX_LIMIT))
    yield from of(
        "matrices_no_smooth",
        lambda n: near(n, unsmoothed, arrays["matrices_no_smooth"], MATRIX_LIMIT),
    )
    yield from of("box", lambda n: equal(n, [0, 0, *width_height], arrays["box"]))
    ways: list[tuple[str, Callable[[Matrix], Array], float]] = [
        ("aligned", lambda matrix: smooth.to_canvas(frame, matrix), ALIGNED_MEAN),
        ("face", lambda matrix: smooth.warp(frame, matrix), ALIGNED_MEAN),
        ("restored", lambda matrix: restore(frame, arrays["generated"], matrix), RESTORED_MEAN),
    ]
    for name, way, mean in ways:
        rows = partial(_numbered, arrays, name, way, matrices, mean)
        yield from attempt(f"{file} {name}_*", rows)
    yield from never_asked(arrays)


def _numbered(
    arrays: Arrays, name: str, way: Callable[[Matrix], Array], matrices: list[Matrix], mean: float
) -> Iterator[Row]:
    for match in arrays.matching(rf"{name}_(\d+)"):
        golden = arrays[match[0]]
        yield near(f"{arrays.file} {match[0]}", way(matrices[int(match[1])]), golden, LEVELS, mean)


def masks(folder: Folder) -> Iterator[Row]:
    """The pixel rows use the folder's mask; a row of its own compares ours with it."""
    arrays = folder.arrays(MASKS)
    picture = _picture(arrays)
    pixels = to_pixels(torch.from_numpy(arrays["face"]))
    mask = enlarge(picture, pixels.shape[-1])
    ours = {"pixel_values": pixels, "masked_pixel_values": cover(pixels, mask)}
    ours["mask"] = mask.expand(1, 1, -1, -1)
    for match in arrays.matching(r"mask_(\d+)"):
        ours[match[0]] = enlarge(picture, int(match[1]))
    for match in arrays.matching(r"mask_latent_(\d+)"):
        side = len(arrays[match[0]])
        ours[match[0]] = latent_mask(enlarge(picture, int(match[1])), side)
    for name, value in ours.items():
        yield from attempt(f"{MASKS} {name}", partial(_exact, arrays, name, value))
    yield _drawn(picture)
    yield from never_asked(arrays)


def _exact(arrays: Arrays, name: str, ours: Tensor) -> Iterator[Row]:
    yield near(f"{MASKS} {name}", ours, arrays[name], EXACT)


def _picture(arrays: Arrays) -> Image:
    """The mask as the levels of a picture: the one of 256 pixels, or the smallest there is.

    Rounded to whole levels, so that one golden value moved by ten times its limit is found in its
    own row and leaves the rows that are computed from the mask alone.
    """
    sizes = [int(match[1]) for match in arrays.matching(r"mask_(\d+)")]
    size = SIDE if SIDE in sizes else min(sizes)
    return np.asarray(np.rint(arrays[f"mask_{size}"] * 255), dtype=np.uint8)


def _drawn(picture: Image) -> Row:
    """Which share of the pixels our drawn mask treats the other way."""
    kept = draw_mask(len(picture)).numpy() > 0.5
    share = float((kept != (picture > 127)).mean())
    verdict = Verdict.OK if share <= DRAWN_LIMIT else Verdict.FAIL
    name = f"{MASKS} ours, drawn at {len(picture)}"
    return Row(name, verdict, f"{share:.2%} of pixels", f"{DRAWN_LIMIT:.0%}")


def _check(file: str) -> Check:
    return Check((file,), lambda folder: faces(folder, file))


def other_sizes(folder: Folder) -> list[Check]:
    """A check for each affine_{R}.npz of a size that the official models don't have."""
    official = {f"affine_{size}.npz" for size in OFFICIAL_SIZES}
    found = [file for file in folder.files() if re.fullmatch(AFFINE, file)]
    return [_check(file) for file in found if file not in official]


CHECKS = (
    Check((MASKS,), masks),
    *(_check(f"affine_{size}.npz") for size in OFFICIAL_SIZES),
)
