"""A film's people for somebody to look at: faces.json, and what to say when there is no face."""

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from inference.errors import NoFace
from inference.faces import telling
from inference.faces.choice import Task, time_code
from inference.faces.face import (
    MIN_HEIGHT,
    MIN_WIDTH,
    TOO_SMALL,
    Box,
    Face,
    Rgb,
)

VERSION = 1
THUMBNAIL_SIDE, THUMBNAIL_MARGIN, THUMBNAIL_QUALITY = 96, 0.25, 80
# A new thumbnail is taken when a face is so much larger than the one that was.
BETTER = 1.3
# The share of the network's picture that a face is wide, and what is worth a warning: beyond it
# the mouth is visibly softer than the rest.
FACE_SHARE, MAX_ENLARGEMENT = 0.78, 1.5


@dataclass
class Person:
    """One track. first, last: seconds of the frames in which they are first and last seen.

    frames: how many show them. box: at its best frame, `seen_at`. unusable: frames by reason.
    """

    index: int
    first: float
    last: float
    frames: int = 0
    area: float = 0.0
    box: Box = (0.0, 0.0, 0.0, 0.0)
    seen_at: float = 0.0
    largest: tuple[float, float] = (0.0, 0.0)
    thumbnail: bytes = b""
    unusable: dict[str, int] = field(default_factory=dict)

    def see(self, seconds: float, face: Face, reason: str, frame: Rgb) -> None:
        self.last, self.frames = seconds, self.frames + 1
        if reason:
            self.unusable[reason] = self.unusable.get(reason, 0) + 1
        if face.width * face.height > self.largest[0] * self.largest[1]:
            self.largest = (face.width, face.height)
        # A usable face makes a better picture than any that is not.
        area = face.width * face.height * (1e-6 if reason else 1.0)
        if area > BETTER * self.area:
            self.area, self.box, self.seen_at = area, face.box, seconds
            self.thumbnail = thumbnail(frame, face.box)

    def with_later(self, later: "Person") -> "Person":
        """Both as one person."""
        best, other = (later, self) if later.area > BETTER * self.area else (self, later)
        reasons = {*self.unusable, *later.unusable}
        return replace(
            best,
            first=self.first,
            last=later.last,
            frames=self.frames + later.frames,
            largest=max(best.largest, other.largest, key=lambda size: size[0] * size[1]),
            unusable={
                reason: self.unusable.get(reason, 0) + later.unusable.get(reason, 0)
                for reason in sorted(reasons)
            },
        )

    def to_mapping(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "from": round(self.first, 3),
            "to": round(self.last, 3),
            "frames": self.frames,
            "usable_frames": self.frames - sum(self.unusable.values()),
            "box": [round(edge, 1) for edge in self.box],
            "box_at": round(self.seen_at, 3),
            "thumbnail_jpeg": base64.b64encode(self.thumbnail).decode(),
        }


@dataclass
class Album:
    people: dict[int, Person] = field(default_factory=dict)
    end: float = 0.0  # seconds scouted so far

    def see(self, seconds: float, track: int, face: Face, reason: str, frame: Rgb) -> None:
        person = self.people.setdefault(track, Person(track, seconds, seconds))
        person.see(seconds, face, reason, frame)

    def rename(self, old: int, new: int) -> None:
        """One track turns out to be another, or gets its number."""
        later = self.people.pop(old, None)
        if later is not None:
            later.index = new
            self.people[new] = self.people[new].with_later(later) if new in self.people else later

    def to_mapping(self, chosen: Mapping[int, list[str]]) -> dict[str, Any]:
        """chosen: track -> the turns it was chosen for."""
        tracks = [
            person.to_mapping() | {"chosen_for": chosen.get(index, [])}
            for index, person in self._decided()
        ]
        return {"version": VERSION, "scouted_seconds": round(self.end, 3), "tracks": tracks}

    def notes(self, chosen: Mapping[int, list[str]], resolution: int) -> list[tuple[str, str]]:
        """Warnings: a stable code and a sentence each. resolution: of the model."""
        notes = []
        people = self._decided()
        if len(people) > max(1, len(chosen)):
            notes.append(("several_people", telling.several(len(people), sorted(chosen))))
        drawn = FACE_SHARE * resolution
        for index, person in people:
            if chosen and index not in chosen:
                continue
            face = telling.face_of(person, alone=len(people) == 1)
            if small := person.unusable.get(TOO_SMALL):
                notes.append(("small_face", telling.small(face, small)))
            if person.largest[0] >= MAX_ENLARGEMENT * drawn:
                notes.append(("large_face", telling.large(face, person.largest[0], drawn)))
        return notes

    def no_face(self, tasks: tuple[Task, ...]) -> NoFace:
        """What was looked for, and what there was instead."""
        wanted = "; ".join(str(task) for task in tasks)
        there = telling.seen([person for _, person in self._decided()])
        return NoFace(
            f"Looked for {wanted}, at least {MIN_WIDTH} x {MIN_HEIGHT} pixels large and turned"
            f" towards the camera, from {time_code(0)} to {time_code(self.end)}: {there}."
        )

    def _decided(self) -> list[tuple[int, Person]]:
        """By index; those of whom it is open who they are have negative ones."""
        return [(index, self.people[index]) for index in sorted(self.people) if index >= 0]

    def state(self) -> dict[str, Any]:
        people = []
        for person in self.people.values():
            saved = asdict(person)
            saved["thumbnail"] = base64.b64encode(person.thumbnail).decode()
            people.append(saved)
        return {"people": people, "end": self.end}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.end = state["end"]
        self.people = {}
        for saved in state["people"]:
            person = Person(**saved | {"thumbnail": base64.b64decode(saved["thumbnail"])})
            person.box = (person.box[0], person.box[1], person.box[2], person.box[3])
            person.largest = (person.largest[0], person.largest[1])
            self.people[person.index] = person


def thumbnail(frame: Rgb, box: Box) -> bytes:
    """A JPEG of the face with a margin, at most 96 pixels a side."""
    left, top, right, bottom = box
    margin = THUMBNAIL_MARGIN * max(right - left, bottom - top)
    height, width = frame.shape[:2]
    low_x, low_y = max(0, round(left - margin)), max(0, round(top - margin))
    part = frame[
        low_y : min(height, round(bottom + margin)), low_x : min(width, round(right + margin))
    ]
    if not part.size:
        return b""
    scale = min(1.0, THUMBNAIL_SIDE / max(part.shape[:2]))
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY])
    return np.asarray(data).tobytes()
