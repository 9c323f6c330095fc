"""Synthetic voices: espeak-ng, called as a library (PyPI's espeakng-loader carries it).

Two casts: the training hears one, the held-out proof the other. They share neither a language nor
a speaker, so a figure measured on the second says something about voices nobody trained on.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache

import av
import espeakng_loader
import numpy as np

from inference.sound.features import SAMPLE_RATE

RETRIEVAL = 1  # hand the samples to the callback, play nothing
UTF8, RATE, VOLUME, PITCH, RANGE = 1, 1, 2, 3, 4  # numbers of espeak-ng's speak_lib.h
CHUNK_MS = 200

# ruff: noqa: SIM905 (lists of words read better as a text)
TRAINING_SPEAKERS = (
    "m1 m2 m3 m4 m6 m8 f1 f2 f3 f5 Alex Andrea Andy Annie Denis Gene Jacky Lee Mario Michael "
    "adam anika belinda benjamin boris caleb david ed edward grandma ian iven john linda max "
    "michel pablo paul quincy rob shelby steph2 travis victor zac"
).split()
TRAINING_LANGUAGES = "en-us en de es it nl pt pl sv cs fi hu ro id el".split()
HELD_OUT_SPEAKERS = "m5 m7 f4 Alicia Diogo Mike aunty miguel norbert robert steph3 sandro".split()
HELD_OUT_LANGUAGES = ["fr", "tr", "ca", "da"]

WORDS = (
    "about after again along always amber answer apple around autumn away balloon barn because "
    "before begin behind below between bicycle blue boat borrow both bottom bread bridge bright "
    "butter cabin candle careful carry castle change cheese children city clever clock cloud "
    "coat coffee cold color corner cotton country cousin dancing daughter deep dinner distance "
    "doctor dollar door dream early earth easy eight empty evening every family farmer father "
    "february few field finger finish fire fish five flower follow forest four fresh friend "
    "garden gentle glass gold good grandmother great green ground half hammer happy harbor "
    "heavy hello hidden high holiday honey horse house hundred hungry idea island jacket "
    "january journey jump kind kitchen ladder language large laugh leave lemon letter light "
    "listen little lonely lovely lunch many market meadow melody middle million minute money "
    "monday moon morning mother mountain move music narrow nature never nine number ocean "
    "office often old open orange other over paper party people perhaps piano picture pocket "
    "pony power problem purple question quick quiet rabbit rain ready red remember river road "
    "room round sailor salt same school seven shadow shallow shoulder silver simple sister "
    "sleep slow small smile snow soft someone song south spoon spring station stone story "
    "strange street summer sunday sweet table tall teacher ten thank there thousand three "
    "ticket today together tomorrow tower travel tree true twelve umbrella under until upon "
    "valley very village visit voice wait walk warm water weather week welcome west where white "
    "whole window winter wonder wooden work yellow yesterday young"
).split()
ONSETS = "b d f g k l m n p r s t v w z ch st tr pl".split()
VOWELS = ["a", "e", "i", "o", "u", "a", "o", "ai", "au", "ei"]
CODAS = ["", "", "", "", "n", "m", "r", "s", "l", "t"]


@dataclass(frozen=True)
class Voice:
    """Who speaks and how: espeak-ng's voice, pitch and its range (0-99), words a minute."""

    language: str
    speaker: str
    pitch: int = 50
    pitch_range: int = 50
    rate: int = 160

    @property
    def name(self) -> str:
        return f"{self.language}+{self.speaker}"


class VoiceUnavailable(RuntimeError):
    """espeak-ng would not start, or does not know the voice."""


Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Synthesizer:
    """espeak-ng in this process. It keeps global state: one for each process, from one thread."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate = self._library.espeak_Initialize(RETRIEVAL, CHUNK_MS, data, 0)
        if self.rate <= 0:
            raise VoiceUnavailable("espeak-ng did not start; reinstall espeakng-loader.")
        self._heard: list[np.ndarray] = []
        self._callback = Callback(self._hear)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def _hear(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        if count > 0:
            self._heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def speak(self, text: str, voice: Voice) -> np.ndarray:
        """Samples of 16 kHz, float32, -1 to 1."""
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise VoiceUnavailable(f"espeak-ng has no voice {voice.name}.")
        for parameter, value in (
            (RATE, voice.rate),
            (VOLUME, 100),
            (PITCH, voice.pitch),
            (RANGE, voice.pitch_range),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._heard = []
        line = text.encode()
        self._library.espeak_Synth(line, len(line) + 1, 0, 1, 0, UTF8, None, None)
        self._library.espeak_Synchronize()
        return resample(np.concatenate(self._heard), self.rate)


@cache
def synthesizer() -> Synthesizer:
    return Synthesizer()


def resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """16-bit mono samples of any rate -> float32 at 16 kHz."""
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    parts = [part.to_ndarray()[0] for step in (frame, None) for part in resampler.resample(step)]
    return np.concatenate(parts).astype(np.float32)


def cast_voice(rng: np.random.Generator, held_out: bool) -> Voice:
    languages = HELD_OUT_LANGUAGES if held_out else TRAINING_LANGUAGES
    return Voice(
        language=str(rng.choice(languages)),
        speaker=str(rng.choice(HELD_OUT_SPEAKERS if held_out else TRAINING_SPEAKERS)),
        pitch=int(rng.integers(20, 81)),
        pitch_range=int(rng.integers(30, 80)),
        rate=int(rng.integers(125, 191)),
    )


def sentence(rng: np.random.Generator, language: str) -> str:
    """Words in a row without a meaning: English ones for English voices, made-up ones else."""
    count = int(rng.integers(4, 10))
    if language.startswith("en"):
        return " ".join(rng.choice(WORDS, count)) + "."
    return " ".join(_made_up_word(rng) for _ in range(count)) + "."


def _made_up_word(rng: np.random.Generator) -> str:
    syllables = int(rng.integers(1, 4))
    return "".join(
        f"{rng.choice(ONSETS)}{rng.choice(VOWELS)}{rng.choice(CODAS)}" for _ in range(syllables)
    )


def recording(seed: int, *, held_out: bool, seconds: float) -> np.ndarray:
    """One voice talking for at least so long, with the pauses it makes between sentences."""
    rng = np.random.default_rng([seed, int(held_out)])
    voice = cast_voice(rng, held_out)
    spoken: list[np.ndarray] = []
    while sum(map(len, spoken)) < seconds * SAMPLE_RATE:
        spoken.append(synthesizer().speak(sentence(rng, voice.language), voice))
        spoken.append(np.zeros(int(rng.uniform(0.0, 0.4) * SAMPLE_RATE), np.float32))
    return np.concatenate(spoken)
