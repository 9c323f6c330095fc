"""The whole result on a shelf, which a part that is made anew is joined with."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inference.errors import BadOption
from inference.results.recipe import Edit, Recipe, alike
from inference.results.segments import Segment
from inference.results.shelf import Shelf

MAKE_WHOLE = "Make the whole result into this folder first, then the part."


@dataclass(frozen=True)
class Earlier:
    """A whole result. recipe: of the piece made last, whose files lie where that run found them.
    edits: the parts of it that were made anew, in that order."""

    segments: Sequence[Segment]
    recipe: Recipe
    edits: Sequence[Edit]


def earlier_on(shelf: Shelf, recipe: Recipe) -> Earlier:
    """Raises BadOption if there is no whole result, or it is another job's than this recipe's."""
    segments, ending = list(shelf.chain()), shelf.ending()
    if not _is_whole(segments, ending):
        raise BadOption(f"{shelf.folder} has no whole earlier result.", hint=MAKE_WHOLE)
    try:
        earlier = _read(segments, ending)
    except (TypeError, KeyError, ValueError, BadOption):
        told = f"{shelf.folder} has no earlier result that can be read."
        raise BadOption(told, hint=MAKE_WHOLE) from None
    if not _is_one(earlier):
        told = f"The pieces in {shelf.folder} belong to several results."
        raise BadOption(told, hint=MAKE_WHOLE)
    if others := _differing(earlier.recipe, recipe):
        raise BadOption(
            f"The earlier result in {shelf.folder} was made with another {' and '.join(others)}.",
            hint="Give what the earlier result was made with; the rest may differ in the part.",
        )
    return earlier


def _differing(one: Recipe, other: Recipe) -> list[str]:
    """What two recipes must share, and do not."""
    ours, theirs = one.common(), other.common()
    return [name for name in ours if ours[name] != theirs[name]]


def _is_whole(segments: Sequence[Segment], ending: Mapping[str, Any]) -> bool:
    return bool(segments) and ending.get("frames") == segments[-1].until


def _read(segments: Sequence[Segment], ending: Mapping[str, Any]) -> Earlier:
    edits = [Edit.from_mapping(edit) for edit in ending["edits"]]
    return Earlier(segments, Recipe.from_mapping(segments[-1].recipe), edits)


def _is_one(earlier: Earlier) -> bool:
    """All pieces of one recipe, each made with all edits that reach into it and no other: a run
    without them may have been stopped here."""
    recipe = earlier.segments[0].recipe
    return all(
        alike(segment.recipe, recipe) and _told(segment.edits) == _told(_within(segment, earlier))
        for segment in earlier.segments
    )


def _within(segment: Segment, earlier: Earlier) -> list[Mapping[str, Any]]:
    return [edit.to_mapping() for edit in earlier.edits if edit.touches(*segment.span)]


def _told(edits: Sequence[Mapping[str, Any]]) -> list[str]:
    return [json.dumps(edit) for edit in edits]
