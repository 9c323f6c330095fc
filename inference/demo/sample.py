"""The bundled pair: a drawn face that says one thing, another voice that says another."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from inference.demo.articulation import FRAME_RATE, mouth_curve
from inference.demo.faces import Mouth, invent, sway
from inference.demo.films import HELD_OUT_FACES
from inference.demo.painting import draw
from inference.demo.voices import Voice, synthesizer
from inference.sound.features import SAMPLE_RATE

FOLDER = Path(__file__).parent / "sample"
SIZE = (640, 480)
# Pixels for one template unit, across and down: alignment makes a square of a 3:4 picture.
FACE_SCALE = (0.86, 1.15)
FACE_NUMBER = HELD_OUT_FACES + 1002
OLD_VOICE = Voice("en-us", "m7", pitch=38, rate=150)
OLD_WORDS = "Welcome. This picture was drawn, and I was given my voice by a small machine."
NEW_VOICE = Voice("en-us", "f4", pitch=62, rate=145)
NEW_WORDS = "Hello! Now I am saying something else, and my lips are moving along with it."
FULL_SCALE = 32767


def make(folder: Path = FOLDER) -> None:
    """Write face.mp4 (H.264, AAC) and voice.wav (16 kHz, 16 bit)."""
    folder.mkdir(parents=True, exist_ok=True)
    spoken = synthesizer().speak(OLD_WORDS, OLD_VOICE)
    _write_film(folder / "face.mp4", spoken)
    _write_wave(folder / "voice.wav", synthesizer().speak(NEW_WORDS, NEW_VOICE))


def portrait(opening_and_width: np.ndarray) -> list[np.ndarray]:
    """The whole picture, head and shoulders in a room: one frame for each row of the curve."""
    face = invent(FACE_NUMBER)
    poses = sway(FACE_NUMBER, len(opening_and_width), size=1.2)
    across, down = FACE_SCALE
    corner = (SIZE[0] / 2 - 128 * across, SIZE[1] * 0.46 - 100 * down)
    placement = np.array([[across, 0, corner[0]], [0, down, corner[1]]])
    return [
        draw(
            face,
            pose,
            Mouth(float(o), float(w)),
            size=SIZE,
            placement=placement,
            grain=i,
        )
        for i, (pose, (o, w)) in enumerate(zip(poses, opening_and_width, strict=True))
    ]


def _write_film(path: Path, spoken: np.ndarray) -> None:
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=FRAME_RATE, options={"crf": "20"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        sound = file.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for picture in portrait(mouth_curve(spoken)):
            file.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        file.mux(video.encode())
        frame = av.AudioFrame.from_ndarray(spoken[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, 0
        frame.time_base = Fraction(1, SAMPLE_RATE)
        file.mux(sound.encode(frame))
        file.mux(sound.encode())


def _write_wave(path: Path, spoken: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.round(spoken * FULL_SCALE).astype("<i2").tobytes())
