"""Films whose display matrix mirrors, as front cameras and editors write it."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest

from inference.media import open_frames, probe
from tests.inference import clips

ONE, LAST = 1 << 16, 1 << 30
WAYS = {
    "left and right": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((1, 0, 0, -1), np.flipud),
    "over one corner": ((0, 1, 1, 0), np.transpose),
    "over the other": ((0, -1, -1, 0), lambda plane: np.rot90(plane.T, 2)),
    "half a turn": ((-1, 0, 0, -1), lambda plane: np.rot90(plane, 2)),
    "enlarged": ((2, 0, 0, 2), np.array),
    "nothing": ((0, 0, 0, 0), np.array),
}


def shown_so(path, matrix, width, height):
    """A lossless enough film whose first track is shown by that matrix."""
    pictures = clips.numbered(2, width, height)
    clips.film(path, pictures, codec="mjpeg", pix_fmt="yuvj420p")
    a, b, c, d = (value * ONE for value in matrix)
    data = bytearray(path.read_bytes())
    struct.pack_into(">9i", data, data.rindex(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, LAST)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
@pytest.mark.parametrize("way", WAYS)
def test_a_film_is_seen_as_players_show_it(tmp_path, way, size):
    matrix, seen = WAYS[way]
    path = shown_so(tmp_path / "a.mov", matrix, *size)
    with open_frames(path, Fraction(2, 25)) as frames:
        film, shown = frames.film, list(frames)
    with av.open(str(path)) as container:
        luma, *chroma = clips.planes(list(container.decode(video=0))[1])
    own = shown[1].picture.planes[0][film.source_box.slices()]
    assert (own == seen(luma)).all()
    for plane, source in zip(shown[1].picture.planes[1:], chroma, strict=True):
        assert (plane == seen(source)).all()
    info = probe(path).video
    assert (info.width, info.height) == seen(luma).shape[::-1]
