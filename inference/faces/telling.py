"""What is said of a film's people: in the report's warnings, and where nobody could be painted.

Customers read it. A person's number is that of the track.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inference.faces.choice import time_code
from inference.faces.face import MIN_HEIGHT, MIN_WIDTH, REASONS, TOO_SMALL, TURNED_AWAY

if TYPE_CHECKING:
    from inference.faces.album import Person

SAID = {TOO_SMALL: "too small", TURNED_AWAY: "turned away", "": "usable"}


def seen(people: Sequence["Person"]) -> str:
    if not people:
        return "no frame shows a face"
    if len(people) == 1:
        return f"one face is seen {_when(people[0])}"
    listed = [f"person {person.index} {_when(person)}" for person in people[:5]]
    more = f"; and {len(people) - 5} more" if len(people) > 5 else ""
    return f"{len(people)} people are seen, " + "; ".join(listed) + more


def _when(person: "Person") -> str:
    why = [SAID.get(reason, "unusable") for reason in REASONS if person.unusable.get(reason)]
    if person.frames > sum(person.unusable.values()):
        why.append("usable")
    width, height = person.largest
    return (
        f"from {time_code(person.first)} to {time_code(person.last)}"
        f" ({' or '.join(dict.fromkeys(why))}; at most {width:.0f} x {height:.0f} pixels)"
    )


def several(people: int, painted: Sequence[int]) -> str:
    """people: how many there are. painted: the numbers of those who have a new mouth."""
    if not painted:
        return f"{people} people are seen, and nobody has a new mouth."
    who = " and ".join(f"person {index}" for index in painted)
    have = "has a new mouth" if len(painted) < 2 else "have new mouths"
    return f"{people} people are seen; {who} {have}, and all others stayed as in the source."


def face_of(person: "Person", *, alone: bool) -> str:
    """Where somebody is alone, nobody asks whose it is."""
    return "The face" if alone else f"The face of person {person.index}"


def small(face: str, frames: int) -> str:
    lasts = "1 frame, which" if frames == 1 else f"{frames} frames, which"
    return (
        f"{face} is smaller than {MIN_WIDTH} x {MIN_HEIGHT} pixels in {lasts} stayed as in the"
        " source."
    )


def large(face: str, width: float, drawn: float) -> str:
    return (
        f"{face} is up to {width:.0f} pixels wide. The model draws it {drawn:.0f} pixels wide, so"
        f" the mouth is enlarged {width / drawn:.1f} times and is softer than the rest."
    )


def idle(turn: str) -> str:
    """turn: who was looked for, and when."""
    return f"Looked for {turn}, and found no face that can be painted."
