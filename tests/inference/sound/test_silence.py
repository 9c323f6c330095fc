from fractions import Fraction

import numpy as np
import pytest

from inference.sound.silence import Gate

RATE = 16_000


def tone(seconds, level=0.2):
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * 32767 * np.sin(2 * np.pi * 300 * times)).astype(np.int16)


def zeros(seconds):
    return np.zeros(round(seconds * RATE), np.int16)


def noise(seconds, dbfs=-60.0, seed=0):
    values = np.random.default_rng(seed).normal(size=round(seconds * RATE))
    return (values * 10 ** (dbfs / 20) * 32768).round().astype(np.int16)


def frames(first, last, rate=25):
    return [Fraction(i) / rate for i in range(first, last)]


def opacity(*parts):
    wave = np.concatenate(parts)
    return Gate(wave).opacity(frames(0, len(wave) * 25 // RATE))


def test_the_mouth_fades_over_four_frames_on_both_sides_of_a_pause():
    shown = opacity(tone(1), zeros(1), tone(1))
    # The frame at 1.00 s is the first of the pause, the one at 2.00 s speaks again.
    assert shown[20:32].tolist() == pytest.approx([1] * 6 + [0.8, 0.6, 0.4, 0.2, 0, 0])
    assert shown[44:52].tolist() == pytest.approx([0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1])
    assert (shown[:26] == 1).all() and (shown[50:] == 1).all()


def test_zeros_room_noise_and_direct_current_are_decided_alike():
    expected = opacity(tone(1), zeros(1), tone(1), zeros(1))
    assert expected.min() == 0
    for pause in (noise(1), noise(1, -75), noise(1, -100), zeros(1) + np.int16(900)):
        assert np.array_equal(opacity(tone(1), pause, tone(1), pause), expected)


@pytest.mark.parametrize("wave", [zeros(3), noise(3), zeros(0), zeros(0.001)])
def test_a_sound_in_which_nobody_speaks_is_one_pause(wave):
    assert not Gate(wave).opacity(frames(0, 75)).any()


@pytest.mark.parametrize(("gap", "lowest"), [(2, 1.0), (5, 1.0), (8, 1.0), (10, 0.0), (25, 0.0)])
def test_a_gap_shorter_than_nine_frames_is_no_pause(gap, lowest):
    shown = opacity(tone(1), zeros(gap / 25), tone(1))
    assert shown.min() == pytest.approx(lowest, abs=1e-6)
    assert np.abs(np.diff(shown)).max() <= 0.2 + 1e-6


def test_a_silent_start_begins_with_the_source_s_mouth():
    shown = opacity(zeros(0.2), tone(1))
    assert shown[:7].tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 1])


def test_loud_room_noise_is_a_pause_beside_louder_speech():
    shown = opacity(tone(1), noise(1, -45), tone(1), noise(1, -45))
    assert shown[30:44].max() == 0


def test_soft_speech_alone_is_speech():
    assert opacity(tone(1, level=0.01), zeros(1))[:25].min() == 1


def test_a_click_is_no_speech():
    wave = zeros(2)
    wave[RATE] = 30_000
    assert not Gate(wave).opacity(frames(0, 50)).any()


def test_the_ramp_lasts_four_frames_of_the_film_whatever_its_rate():
    gate = Gate(np.concatenate([tone(1), zeros(1)]), frame=Fraction(1, 60))
    shown = gate.opacity(frames(60, 70, rate=60))
    assert shown[:6].tolist() == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 0])


def test_at_six_frames_a_second_a_pause_holds_two_ramps():
    wave = np.concatenate([tone(1), zeros(1), tone(1)])
    assert Gate(wave, frame=Fraction(1, 6)).opacity(frames(0, 18, rate=6)).min() == 1


def test_times_may_come_in_any_order():
    gate = Gate(np.concatenate([tone(1), zeros(1), tone(1)]))
    there = gate.opacity(frames(0, 75))
    assert np.array_equal(gate.opacity(frames(0, 75)[::-1]), there[::-1])
    assert gate.opacity([]).shape == (0,)
