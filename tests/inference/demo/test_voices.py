import numpy as np
import pytest

from inference.demo import voices
from inference.demo.articulation import FRAME_RATE, mouth_curve
from inference.demo.voices import Voice, VoiceUnavailable, cast_voice, recording, synthesizer
from inference.sound.features import SAMPLE_RATE


def test_no_speaker_and_no_language_of_the_proof_was_trained_on():
    assert not set(voices.TRAINING_SPEAKERS) & set(voices.HELD_OUT_SPEAKERS)
    assert not set(voices.TRAINING_LANGUAGES) & set(voices.HELD_OUT_LANGUAGES)


@pytest.mark.parametrize("held_out", [False, True])
def test_every_voice_of_a_cast_can_speak(held_out):
    for number in range(6):
        voice = cast_voice(np.random.default_rng(number), held_out)
        spoken = synthesizer().speak("good morning", voice)
        assert spoken.dtype == np.float32
        assert 0.3 * SAMPLE_RATE < len(spoken) < 5 * SAMPLE_RATE
        assert 0.05 < np.abs(spoken).max() < 1.1


def test_a_voice_that_does_not_exist_is_refused_by_name():
    with pytest.raises(VoiceUnavailable, match="xx\\+nobody"):
        synthesizer().speak("good morning", Voice("xx", "nobody"))


def test_a_recording_lasts_at_least_as_long_as_asked():
    assert len(recording(3, held_out=True, seconds=4.0)) >= 4 * SAMPLE_RATE


def test_the_mouth_opens_for_a_vowel_and_closes_in_a_pause():
    second = SAMPLE_RATE
    vowel = 0.3 * np.sin(2 * np.pi * 700 * np.arange(second) / SAMPLE_RATE)
    sound = np.concatenate([np.zeros(second), vowel, np.zeros(second)]).astype(np.float32)
    opening = mouth_curve(sound)[:, 0]
    assert len(opening) == 3 * FRAME_RATE
    assert opening[:20].max() < 0.05
    assert opening[30:45].min() > 0.8


def test_the_mouth_does_not_care_how_loud_the_recording_is():
    sound = recording(4, held_out=False, seconds=3.0)
    assert np.allclose(mouth_curve(sound), mouth_curve(0.1 * sound), atol=0.02)
