from fractions import Fraction

import numpy as np
import pytest
import torch

from inference.model.whisper import AudioEncoder, EncoderConfig
from inference.sound.features import (
    frame_count,
    frame_windows,
    hear,
    log_mel,
    mel_filters,
    speech_features,
    windows_at,
)
from inference.sound.mel import LogMel
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


@pytest.fixture(scope="module")
def hasty():
    """An encoder whose blocks last 3 seconds, overlap by 1 and are blended over 0.1."""
    torch.manual_seed(0)
    config = EncoderConfig(n_mels=80, ctx=150, width=16, heads=2, layers=1)
    return AudioEncoder(config).eval().requires_grad_(False)


def steps(rows):
    """How far each row lies from the one before: (rows - 1,)."""
    return (rows[1:] - rows[:-1]).abs().amax(dim=(1, 2))


@pytest.mark.parametrize("samples", [48_000, 48_319, 16_123])
def test_a_sound_of_one_block_is_the_reference_s_byte_for_byte(hasty, samples):
    wave = sound(samples / 16_000)
    assert torch.equal(
        speech_features(wave, hasty), speech_features(wave, hasty, reference_blocks=True)
    )


def test_a_longer_sound_is_the_reference_s_until_the_first_blend(hasty):
    wave = sound(7)
    ours = speech_features(wave, hasty)
    theirs = speech_features(wave, hasty, reference_blocks=True)
    assert len(ours) == len(theirs) == 350
    # The loudest moment of noise lies anywhere, but both know the whole file's.
    blend_begins = 150 - 25 - 2 - 1
    assert torch.equal(ours[:blend_begins], theirs[:blend_begins])
    assert not torch.equal(ours[130:150], theirs[130:150])


def test_a_steady_tone_has_a_step_at_the_reference_s_seams_and_none_of_ours(hasty):
    wave = 0.1 * np.sin(2 * np.pi * 440 * np.arange(16_000 * 12) / 16_000).astype(np.float32)
    ours = steps(speech_features(wave, hasty)[10:-10])
    theirs = steps(speech_features(wave, hasty, reference_blocks=True)[10:-10])
    usual = float(ours.median())
    assert theirs.max() > 2 * usual
    assert ours.max() < 1.5 * usual


def seconds_apart(rows, moment):
    """How different the same moment of a pattern of one second is a second later."""
    first, second = rows[round(moment * 50)], rows[round(moment * 50) + 50]
    return float((first - second).abs().mean() / rows.std())


def test_a_tone_pattern_sounds_alike_on_both_sides_of_30_60_and_90_seconds():
    """95 seconds of one pattern, as bytedance/LatentSync#90 and #101 report it."""
    encoder = small.encoder()
    pattern = np.tile(sound(1) * np.hanning(16_000).astype(np.float32), 95)
    ours, theirs = (speech_features(pattern, encoder, reference_blocks=r) for r in (False, True))
    for seam in (29.5, 59.5, 89.5):
        assert seconds_apart(ours, seam) < 0.5 * seconds_apart(theirs, seam)
        # As alike as two seconds of the reference that no seam parts.
        assert seconds_apart(ours, seam) == pytest.approx(seconds_apart(theirs, 10.0), rel=0.25)


def test_sound_moved_by_half_a_second_moves_its_rows_at_the_seam_as_anywhere(hasty):
    """What stays different is the place in the block, which the encoder writes into each row."""
    wave = sound(12)
    rows = speech_features(wave, hasty)
    moved = speech_features(np.concatenate([np.zeros(8_000, np.float32), wave]), hasty)[25:]
    off = (rows - moved).abs().mean(dim=(1, 2))[10:-10]
    assert off.max() < 2 * off.median()


def test_each_row_comes_from_the_block_in_whose_middle_it_lies(hasty):
    """A sound moved by exactly the way from block to block has the same rows, moved."""
    wave = sound(9)
    rows = speech_features(wave, hasty)
    later = speech_features(np.concatenate([sound(2, seed=1), wave]), hasty)
    assert torch.allclose(later[100 + 130 : 100 + 420], rows[130:420], atol=1e-4)


def test_progress_counts_blocks_that_begin_every_20_seconds():
    pieces = []
    rows = speech_features(sound(31), small.encoder(), lambda done, of: pieces.append((done, of)))
    assert rows.shape == (1550, 2, 16)
    assert pieces == [(1, 2), (2, 2)]


def test_a_part_of_the_picture_is_cut_from_the_whole_file_s():
    wave = np.concatenate([sound(1) * 0.01, sound(1)])
    whole, mel = log_mel(wave), LogMel(wave)
    assert mel.frames == 200
    for start, stop in ((0, 1), (0, 60), (57, 121), (150, 200), (199, 200)):
        assert torch.allclose(mel.part(start, stop), whole[:, start:stop], atol=1e-5)


def test_16_bit_samples_are_heard_as_the_floats_they_stand_for():
    samples = (sound(1) * 32768).astype(np.int16)
    assert torch.equal(log_mel(samples), log_mel(samples.astype(np.float32) / 32768))


def test_rows_in_a_file_are_the_rows_in_memory(hasty, tmp_path):
    wave = sound(7)
    rows, heard = speech_features(wave, hasty), hear(wave, hasty, tmp_path)
    times = [Fraction(i, 30) for i in (0, 1, 2, 100, 3, 209, 250)]
    assert heard.rows == len(rows)
    assert torch.equal(heard.windows_at(times), windows_at(rows, times))
    assert heard.windows_at([]).shape == (0, 20, 16)
    assert heard.path.stat().st_size == rows.numel() * 4


class Asked:
    """Samples that remember the longest part anybody asked for."""

    def __init__(self, samples):
        self.samples, self.longest = samples, 0

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, part):
        self.longest = max(self.longest, part.stop - part.start)
        return self.samples[part]


def test_a_long_sound_is_never_held_whole(hasty, tmp_path):
    asked = Asked(np.zeros(16_000 * 95, np.int16))
    heard = hear(asked, hasty, tmp_path)
    assert heard.rows == 95 * 50
    assert asked.longest <= 16_000 * 30 + 400


def test_half_precision_takes_half_the_room(hasty, tmp_path):
    encoder = AudioEncoder(hasty.config).eval().half()
    encoder.load_state_dict(hasty.state_dict())
    heard = hear(sound(1), encoder, tmp_path)
    assert heard.path.stat().st_size == heard.rows * 2 * 16 * 2
    assert heard.windows_at([Fraction(0)]).dtype == torch.float32


@pytest.mark.parametrize("tail", [1, 100, 160, 320, 7_999])
def test_a_burst_in_the_last_moment_reaches_the_last_row(hasty, tail):
    """Nothing at the end is dropped, whatever the length is a multiple of."""
    wave = np.zeros(16_000 * 5 + tail, np.float32)
    quiet = speech_features(wave, hasty)
    wave[-1_600:] = sound(0.1)
    loud = speech_features(wave, hasty)
    assert len(loud) == len(wave) // 320
    assert not torch.allclose(loud[-1], quiet[-1], atol=1e-3)


def test_digital_silence_has_numbers(hasty, tmp_path):
    heard = hear(np.zeros(16_000 * 4, np.int16), hasty, tmp_path)
    assert heard.windows_at([Fraction(i, 25) for i in range(100)]).isfinite().all()


@pytest.mark.parametrize("samples", [0, 1, 100, 319, 320, 500])
def test_the_shortest_sound_still_has_a_row(samples):
    rows = speech_features(np.zeros(samples, np.float32), small.encoder())
    assert rows.shape == (1, 2, 16)
    assert rows.isfinite().all()
