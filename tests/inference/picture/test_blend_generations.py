"""One lossy coding between the source and the result: what no mouth touched stays sharp."""

from fractions import Fraction

import numpy as np
import pytest

from inference.media import open_frames
from inference.model.stand_ins import StandIn
from inference.options import SyncOptions
from inference.pipeline.lipsync import sync
from tests.inference import clips


def lumas(path, seconds):
    with open_frames(path, seconds) as frames:
        return [frame.picture.planes[0].astype(float) for frame in frames]


@pytest.fixture
def away_from_the_mouth(tmp_path):
    """away(quality): decibels by which the result's upper third is the source's."""
    rng = np.random.default_rng(8)
    grain = rng.normal(0, 4, (240, 320, 1))
    pictures = [np.clip(face + grain, 0, 255).astype(np.uint8) for face in clips.faces(8)]
    video = clips.film(tmp_path / "a.mp4", pictures)
    voice = clips.sound(tmp_path / "voice.wav", 8 / 25)

    def away(**options):
        result = sync(
            video,
            voice,
            tmp_path / "out.mp4",
            model=StandIn("offset", resolution=64),
            options=SyncOptions(device="cpu", **options),
            workdir=tmp_path,
        )
        assert result.synced_frames == 8
        seconds = Fraction(8, 25)
        pairs = zip(lumas(video, seconds), lumas(result.path, seconds), strict=True)
        noise = np.mean([((ours - theirs)[:80] ** 2).mean() for theirs, ours in pairs])
        return 10 * np.log10(255**2 / noise)

    return away


def test_what_was_not_painted_is_coded_once_and_as_well_as_was_asked_for(away_from_the_mouth):
    usual = away_from_the_mouth()
    assert usual > 45
    assert away_from_the_mouth(quality=30) < usual - 6
