"""What a run is to make, given what is there already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from inference.errors import BadOption
from inference.files import sha256_of
from inference.model.networks import Network
from inference.options import SyncOptions
from inference.results.earlier import Earlier, earlier_on
from inference.results.recipe import Edit, Recipe
from inference.results.segments import Segment
from inference.results.shelf import Shelf
from inference.speakers import sounds

Seconds = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Job:
    """What there is to do. recipe: for the records of what is made. options: by layer, see
    windows.Cutter. before, after: finished segments that stay. known: all segments of which records
    tell. edits: all parts made anew, this one included. until: the place of the first frame that
    isn't made."""

    recipe: Mapping[str, Any]
    options: Sequence[SyncOptions]
    before: Sequence[Segment] = ()
    after: Sequence[Segment] = ()
    known: Sequence[Segment] = ()
    edits: Sequence[Edit] = ()
    until: int | None = None

    @property
    def first(self) -> int:
        return self.before[-1].until if self.before else 0


def recipe_of(video: Path, audio: Path, options: SyncOptions, network: Network) -> Recipe:
    """Reads the files whole, for their hashes."""
    return Recipe(
        video=sha256_of(video),
        audio=sha256_of(audio),
        sounds=hashes(options),
        options=options,
        model=network.origin(),
        device=network.device,
    )


def go_on(shelf: Shelf, recipe: Recipe) -> Job:
    """Make what the shelf doesn't have yet."""
    before = shelf.finished(recipe)
    return Job(recipe.to_mapping(), [recipe.options], before, known=before)


def anew(shelf: Shelf, recipe: Recipe, part: Seconds) -> Job:
    """Make a part of the earlier result on the shelf anew, with the recipe's options."""
    earlier = earlier_on(shelf, recipe)
    edit = _edit(recipe, part)
    _refuse_other_sounds(earlier)
    first, last = _touched(earlier, edit)
    edits = [*earlier.edits, edit]
    after = earlier.segments[last + 1 :]
    return Job(
        recipe=earlier.recipe.to_mapping(),
        options=[earlier.recipe.options, *(each.options for each in edits)],
        before=earlier.segments[:first],
        after=after,
        known=earlier.segments,
        edits=edits,
        until=after[0].first if after else None,
    )


def _edit(recipe: Recipe, part: Seconds) -> Edit:
    edit = Edit(*part, recipe.options, recipe.sounds)
    if not 0 <= edit.start < edit.end:
        raise BadOption(
            "The part to make anew must begin at 0 seconds or later, and end later.",
            hint="Give from and to in seconds of the result, such as 4 6.5.",
        )
    return edit


def _refuse_other_sounds(earlier: Earlier) -> None:
    """What shares a window with the part is painted once more with all that it was made of."""
    made_of: list[Recipe | Edit] = [earlier.recipe, *earlier.edits]
    for made in made_of:
        if dict(made.sounds) != hashes(made.options):
            raise BadOption(
                "A speaker's sound of the earlier result is another file by now.",
                hint="Put the earlier sound back, or make the whole result anew.",
            )


def _touched(earlier: Earlier, edit: Edit) -> tuple[int, int]:
    """The numbers of the first and the last segment that the edit reaches into."""
    touched = [segment for segment in earlier.segments if edit.touches(*segment.span)]
    if not touched:
        lasts = float(earlier.segments[-1].span[1])
        raise BadOption(
            "The part to make anew lies after the end of the result.",
            hint=f"The result lasts {lasts:.3f} seconds.",
        )
    return touched[0].number, touched[-1].number


def sounds_of(options: SyncOptions) -> list[str]:
    """Files that speakers of the option `face` have of their own."""
    return sounds(options.face)


def hashes(options: SyncOptions) -> dict[str, str]:
    return {path: sha256_of(Path(path)) for path in sounds_of(options)}
