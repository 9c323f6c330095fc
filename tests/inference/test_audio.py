from fractions import Fraction

import numpy as np
import pytest
import torch

from inference.audio import (
    frame_count,
    frame_windows,
    log_mel,
    mel_filters,
    speech_features,
    windows_at,
)
from tests.inference import small


def sound(seconds, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, int(16_000 * seconds)).astype(np.float32)


def numbered(rows):
    return torch.arange(rows, dtype=torch.float32)[:, None, None].expand(rows, 5, 4)


def test_a_frame_hears_ten_rows_around_its_own_with_the_edges_repeated():
    windows = frame_windows(numbered(10))
    assert windows.shape == (7, 50, 4)
    assert windows[0, ::5, 0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3, 4, 5]
    assert windows[3, ::5, 0].tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 9, 9]


def test_windows_by_time_are_the_reference_s_at_25_frames_a_second():
    rows = numbered(480)
    times = [Fraction(i, 25) for i in range(242)]
    assert torch.equal(windows_at(rows, times), frame_windows(rows))


@pytest.mark.parametrize(
    ("time", "center"),
    [
        (Fraction(1, 30), 1),
        (Fraction(1, 10), 5),
        (Fraction(1001, 24000), 2),
        (Fraction(29, 50), 29),
    ],
)
def test_at_another_rate_a_frame_hears_around_its_own_time(time, center):
    assert windows_at(numbered(100), [time])[0, 20, 0] == center


def test_nine_point_six_seconds_make_242_frames():
    assert frame_count(480) == 242


def test_each_mel_band_hears_something_and_all_triangles_have_one_area():
    filters = mel_filters()
    assert filters.shape == (80, 201)
    assert (filters.sum(dim=1) > 0).all()
    # 40 Hz a bin: the sum of a wide triangle's samples is its area over that.
    assert torch.allclose(filters[40:].sum(dim=1) * 40, torch.ones(40), atol=0.1)


def test_silence_beside_a_loud_moment_lies_two_below_it():
    wave = np.concatenate([sound(1), np.zeros(16_000, np.float32)])
    mel = log_mel(wave)
    assert mel.shape == (80, 200)
    assert mel[:, 150].max() == pytest.approx(float(mel.max()) - 2)


def test_a_long_sound_is_encoded_in_pieces_that_do_not_touch():
    encoder, wave = small.encoder(), sound(31)
    pieces = []
    rows = speech_features(wave, encoder, on_piece=lambda done, of: pieces.append((done, of)))
    assert rows.shape == (1550, 2, 16)
    assert pieces == [(1, 2), (2, 2)]


@pytest.mark.parametrize("samples", [0, 1, 100, 319, 320, 500])
def test_the_shortest_sound_still_has_a_row(samples):
    rows = speech_features(np.zeros(samples, np.float32), small.encoder())
    assert rows.shape == (1, 2, 16)
    assert rows.isfinite().all()
