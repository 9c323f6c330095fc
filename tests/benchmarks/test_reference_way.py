"""The baseline must do the right thing slowly: else a ratio against it says nothing."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from benchmarks import footage, reference_way
from inference.picture.align import Aligner
from inference.picture.paste import restore

POINTS = [[130, 90], [190, 95], [160, 130]]


@pytest.fixture(scope="module")
def picture():
    return next(footage.pictures(1, 320, 240))


def test_it_aligns_a_face_as_the_engine_does(picture):
    aligner = Aligner(64)
    matrix = aligner.matrix(POINTS)
    theirs = reference_way.align(picture, matrix, 64).permute(1, 2, 0).numpy()
    difference = np.abs(theirs.astype(int) - aligner.warp(picture, matrix))
    assert difference.max() <= 2
    assert difference.mean() < 0.1


def test_it_pastes_a_face_by_the_formulas_that_the_goldens_prove(picture):
    matrix = Aligner(64).matrix(POINTS)
    face = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    theirs = reference_way.restore(picture, face, matrix)
    difference = np.abs(theirs.astype(int) - restore(picture, face, matrix))
    assert difference.max() <= 2
    assert difference.mean() < 0.05
    assert (theirs != picture).mean() > 0.05


def test_a_film_of_30_frames_a_second_becomes_one_of_25(tmp_path):
    path = footage.film(tmp_path / "a.mp4", 1.0, 64, 48, rate=30)
    times = [frame.pts * frame.time_base for frame in reference_way.at_25(path)]
    assert len(times) == 25
    assert times[:4] == [Fraction(n, 30) for n in (0, 1, 2, 3)]
    assert times[-1] == Fraction(28, 30)


def test_a_repeated_film_lasts_so_many_times_as_long(tmp_path):
    once = footage.film(tmp_path / "once.mp4", 0.4, 64, 48)
    path = footage.repeated(tmp_path / "long.mp4", once, 3)
    with av.open(str(path)) as film:
        times = [frame.time for frame in film.decode(video=0)]
    assert np.allclose(times, np.arange(30) / 25)
