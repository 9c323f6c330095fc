"""Who is who, from frame to frame: through short gaps and crossings by place and looks, after
cuts and longer gaps by looks alone.

A face that fits nobody becomes a new track; the one it could have been is passed over meanwhile.
To lose somebody for a while costs a few frames, to paint one person's words on another the film.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from inference.faces.appearance import Gray, Small, Vector, correlation, describe
from inference.faces.face import Face, Points
from inference.faces.packing import pack, unpack

# Frames without being seen after which somebody's place says nothing any more.
SHORT_GAP = 5
# In face widths: how far a face may lie from where it is expected, and more for each frame missed.
REACH, REACH_PER_FRAME = 0.8, 0.2
# A face grows or shrinks by less than this factor from frame to frame.
MAX_GROWTH = 1.6
# Likeness, 0..1 (see describe()). Measured on eight drawn and two filmed people: the same person in
# another pose 0.78 to 1.00 (19 of 20 above 0.84), two people 0.28 to 0.80 (19 of 20 below 0.70).
# Needed from one frame to the next, at the same place after a short gap, and anywhere else.
LIKE_NEXT, LIKE_HERE, LIKE_ANYWHERE = 0.4, 0.74, 0.83
# What a person is known by: so many looks, each unlike the others.
LOOKS, NEW_LOOK = 6, 0.92
# A cut: the whole picture's pattern of light is another, and so are its levels.
CUT_CORRELATION, CUT_LEVELS = 0.4, 12.0
SHOT_SIZE = (32, 18)


@dataclass
class Track:
    """One person. box and speed are of the last time seen, in pixels and pixels a frame."""

    index: int
    face: Face
    looks: list[Vector]
    speed: Points = field(default_factory=lambda: np.zeros(2))
    missed: int = 0
    # Its place counts: no cut and no longer gap since it was seen.
    placed: bool = True

    def likeness(self, look: Vector) -> float:
        return max(float(known @ look) for known in self.looks)

    def distance(self, face: Face) -> float:
        """From where it should be by now, in face widths, and how far that may be: above 1 no."""
        expected = self.face.center + self.speed * (self.missed + 1)
        size = (self.face.width + self.face.height + face.width + face.height) / 4
        growth = (face.width + face.height) / (self.face.width + self.face.height)
        if not 1 / MAX_GROWTH <= growth <= MAX_GROWTH:
            return np.inf
        away = min(
            float(np.linalg.norm(face.center - place)) for place in (expected, self.face.center)
        )
        return away / size / (REACH + REACH_PER_FRAME * self.missed)


class Tracker:
    """Show it every frame of a film, in order. Tracks are numbered from 0 in the order in which
    they are first seen, larger faces first."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self.cut = False  # whether the last frame began another shot
        self._shot: Gray | None = None

    def update(self, small: Small, faces: Sequence[Face]) -> list[int]:
        """The index of each face's track. small: the frame they are in."""
        self.cut = self._is_cut(small)
        for track in self.tracks:
            track.missed += 1
            track.placed = track.placed and not self.cut and track.missed <= SHORT_GAP + 1
        looks = [describe(small, face.points3) for face in faces]
        owners = self._by_place(faces, looks)
        self._by_looks(faces, looks, owners)
        for at in sorted(set(range(len(faces))) - set(owners), key=lambda at: -_area(faces[at])):
            owners[at] = Track(len(self.tracks), faces[at], [looks[at]])
            self.tracks.append(owners[at])
        for at, face in enumerate(faces):
            self._see(owners[at], face, looks[at])
        return [owners[at].index for at in range(len(faces))]

    def _by_place(self, faces: Sequence[Face], looks: Sequence[Vector]) -> dict[int, Track]:
        """Best pairs first, by place and looks together: at a crossing both must decide."""
        pairs = []
        for track in self.tracks:
            if not track.placed:
                continue
            for at, face in enumerate(faces):
                distance = track.distance(face)
                likeness = track.likeness(looks[at])
                # Somebody who was away, even shortly, may have been replaced meanwhile.
                needed = LIKE_NEXT if track.missed == 1 else LIKE_HERE
                if distance <= 1 and likeness >= needed:
                    pairs.append((distance + 4 * (1 - likeness), track.index, at))
        owners: dict[int, Track] = {}
        taken: set[int] = set()
        for _, index, at in sorted(pairs):
            if at not in owners and index not in taken:
                owners[at] = self.tracks[index]
                taken.add(index)
        return owners

    def _by_looks(
        self, faces: Sequence[Face], looks: Sequence[Vector], owners: dict[int, Track]
    ) -> None:
        """Those who are back after a cut or a longer gap; best likeness first."""
        taken = {track.index for track in owners.values()}
        away = [track for track in self.tracks if track.index not in taken]
        pairs = sorted(
            (-likeness, track.index, at)
            for at in range(len(faces))
            if at not in owners
            for track in away
            if (likeness := track.likeness(looks[at])) >= LIKE_ANYWHERE
        )
        for _, index, at in pairs:
            if at not in owners and index not in taken:
                owners[at] = self.tracks[index]
                taken.add(index)

    def _see(self, track: Track, face: Face, look: Vector) -> None:
        if track.missed == 1 and track.placed:
            track.speed = face.center - track.face.center
        else:
            track.speed = np.zeros(2)
        track.face, track.missed, track.placed = face, 0, True
        if track.likeness(look) < NEW_LOOK:
            # The first look stays: it is surely theirs. The others make room in turn.
            track.looks = [track.looks[0], *track.looks[1:][-(LOOKS - 2) :], look]

    def _is_cut(self, small: Small) -> bool:
        gray = cv2.cvtColor(small.rgb, cv2.COLOR_RGB2GRAY)
        shot = np.asarray(cv2.resize(gray, SHOT_SIZE, interpolation=cv2.INTER_AREA), np.uint8)
        before, self._shot = self._shot, shot
        if before is None:
            return False
        a, b = before.astype(np.float32), shot.astype(np.float32)
        # A flash or a fade changes levels, a moving camera the pattern, a cut both.
        changed = float(np.abs(a - b).mean()) > CUT_LEVELS
        return changed and correlation(a, b) < CUT_CORRELATION

    def state(self) -> dict[str, Any]:
        """For JSON; restore() takes it back, exactly."""
        return {
            "shot": None if self._shot is None else pack(self._shot),
            "tracks": [_track_state(track) for track in self.tracks],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._shot = state["shot"] and unpack(state["shot"])
        self.tracks = [_track(saved) for saved in state["tracks"]]


def _area(face: Face) -> float:
    return face.width * face.height


def _track_state(track: Track) -> dict[str, Any]:
    return {
        "index": track.index,
        "box": list(track.face.box),
        "score": track.face.score,
        "points": track.face.points3.tolist(),
        "looks": pack(np.stack(track.looks).astype(np.float16)),
        "speed": track.speed.tolist(),
        "missed": track.missed,
        "placed": track.placed,
    }


def _track(saved: Mapping[str, Any]) -> Track:
    left, top, right, bottom = saved["box"]
    face = Face((left, top, right, bottom), saved["score"], np.array(saved["points"]))
    looks = list(unpack(saved["looks"]).astype(np.float32))
    speed = np.array(saved["speed"])
    return Track(saved["index"], face, looks, speed, saved["missed"], saved["placed"])
