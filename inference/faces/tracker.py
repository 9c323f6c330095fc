"""Who is who, from frame to frame: through short gaps and crossings by place and looks, after
cuts and longer gaps by looks alone.

Whoever fits nobody while somebody is away stays undecided for a moment, under a negative number:
people come back half hidden, turned or blurred. Then it is the one who was away, from the first
such frame on, or somebody new. To take one person for two costs a few frames, to take two for one
paints the words of one on the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inference.faces import shots
from inference.faces.appearance import Gray, Small, Vector, describe
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
# Frames in which somebody who comes back may still be recognized.
TRIAL_FRAMES = 12


@dataclass
class Track:
    """One person. face and speed are of the last time seen, in pixels and pixels a frame.

    index: negative while undecided. age: frames since they were first seen.
    """

    index: int
    face: Face
    looks: list[Vector]
    speed: Points = field(default_factory=lambda: np.zeros(2))
    missed: int = 0
    age: int = 0
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
    they are decided, larger faces first."""

    def __init__(self) -> None:
        self.tracks: dict[int, Track] = {}
        self.cut = False  # whether the last frame began another shot
        # Decided by the last frame: undecided number -> the track that it is. After update(), all
        # that was told under that number is the track's.
        self.decided: dict[int, int] = {}
        self._next, self._next_undecided = 0, -1
        self._shot: Gray | None = None

    def update(self, small: Small, faces: Sequence[Face]) -> list[int]:
        """The index of each face's track, by the names of before this frame's decisions.

        small: the frame they are in.
        """
        self.cut = self._is_cut(small)
        for track in self.tracks.values():
            track.missed += 1
            track.age += 1
            track.placed = track.placed and not self.cut and track.missed <= SHORT_GAP + 1
        looks = [describe(small, face.points3) for face in faces]
        owners = self._by_place(faces, looks)
        self._by_looks(faces, looks, owners)
        taken = {track.index for track in owners.values()}
        away = any(index >= 0 and index not in taken for index in self.tracks)
        for at in sorted(set(range(len(faces))) - set(owners), key=lambda at: -_area(faces[at])):
            owners[at] = Track(self._number(undecided=away), faces[at], [looks[at]])
            self.tracks[owners[at].index] = owners[at]
        for at, face in enumerate(faces):
            self._see(owners[at], face)
            if not any(touch(face, other) for other in faces if other is not face):
                self._learn(owners[at], looks[at])
        indices = [owners[at].index for at in range(len(faces))]
        self.decided = {}
        for at, index in enumerate(indices):
            if index < 0:
                self._recognize(owners[at], looks[at])
        for track in [track for track in self.tracks.values() if track.index < 0]:
            if track.age >= TRIAL_FRAMES or not track.placed:
                self._decide(track, self._number(undecided=False))
        return indices

    def finish(self) -> dict[int, int]:
        """The film is over: whoever is undecided is somebody new; see `decided`."""
        self.decided = {}
        for track in [track for track in self.tracks.values() if track.index < 0]:
            self._decide(track, self._number(undecided=False))
        return self.decided

    def _number(self, *, undecided: bool) -> int:
        if undecided:
            self._next_undecided -= 1
            return self._next_undecided + 1
        self._next += 1
        return self._next - 1

    def _recognize(self, track: Track, look: Vector) -> None:
        """Whether it is somebody who is away."""
        away = [one for one in self.tracks.values() if one.index >= 0 and one.missed]
        likest = max(away, key=lambda one: (one.likeness(look), -one.index), default=None)
        if likest and likest.likeness(look) >= LIKE_ANYWHERE:
            for known in likest.looks:
                self._learn(track, known)
            self._decide(track, likest.index)

    def _decide(self, track: Track, index: int) -> None:
        self.decided[track.index] = index
        del self.tracks[track.index]
        track.index = index
        self.tracks[index] = track

    def _by_place(self, faces: Sequence[Face], looks: Sequence[Vector]) -> dict[int, Track]:
        """Best pairs first, by place and looks together: at a crossing both must decide."""
        pairs = []
        for track in self.tracks.values():
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
        away = [track for track in self.tracks.values() if track.index not in taken]
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

    def _see(self, track: Track, face: Face) -> None:
        if track.missed == 1 and track.placed:
            track.speed = face.center - track.face.center
        else:
            track.speed = np.zeros(2)
        track.face, track.missed, track.placed = face, 0, True

    def _learn(self, track: Track, look: Vector) -> None:
        if track.likeness(look) < NEW_LOOK:
            # The first look stays: it is surely theirs. The others make room in turn.
            track.looks = [track.looks[0], *track.looks[1:][-(LOOKS - 2) :], look]

    def _is_cut(self, small: Small) -> bool:
        before, self._shot = self._shot, shots.glimpse(small.rgb)
        return before is not None and shots.is_cut(before, self._shot)

    def state(self) -> dict[str, Any]:
        """For JSON; restore() takes it back, exactly."""
        return {
            "shot": None if self._shot is None else pack(self._shot),
            "tracks": [_track_state(track) for track in self.tracks.values()],
            "next": [self._next, self._next_undecided],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._shot = state["shot"] and unpack(state["shot"])
        self._next, self._next_undecided = state["next"]
        self.tracks = {saved["index"]: _track(saved) for saved in state["tracks"]}


def touch(face: Face, other: Face) -> bool:
    """Whether two boxes share anything: one may cover the other, and lend it its looks."""
    (a, b, c, d), (e, f, g, h) = face.box, other.box
    return min(c, g) > max(a, e) and min(d, h) > max(b, f)


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
        "age": track.age,
        "placed": track.placed,
    }


def _track(saved: Mapping[str, Any]) -> Track:
    left, top, right, bottom = saved["box"]
    face = Face((left, top, right, bottom), saved["score"], np.array(saved["points"]))
    looks = list(unpack(saved["looks"]).astype(np.float32))
    speed = np.array(saved["speed"])
    index, missed, age, placed = (saved[name] for name in ("index", "missed", "age", "placed"))
    return Track(index, face, looks, speed, missed, age, placed)
