"""Draws the state machine for docs/jobs.md from the one table that it runs on."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from jobs.lifecycle import TRANSITIONS, Move
from jobs.models import TERMINAL, State

PAGE = Path(__file__).resolve().parent.parent / "docs" / "jobs.md"
BEGIN = "<!-- drawn by `bin/run python manage.py diagram --write`; don't edit between the marks -->"
END = "<!-- end of what is drawn -->"


def drawn() -> str:
    """A Mermaid diagram of the states, and a table of every move under it."""
    return "\n".join(["```mermaid", *_diagram(), "```", "", *_table()])


def in_page(page: str) -> str:
    """The page with what is drawn now between its marks. Raises ValueError where they are not."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has lost its two marks, {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{drawn()}\n\n{END}{after}"


def _diagram() -> Iterator[str]:
    yield "stateDiagram-v2"
    yield f"    [*] --> {State.VALIDATING}: submit, retry"
    for (before, after), same in groupby(sorted(TRANSITIONS, key=_place), key=_states):
        yield f"    {before} --> {after}: {', '.join(move.operation for move in same)}"
    yield from (f"    {state} --> [*]" for state in State if state in TERMINAL)


def _states(move: Move) -> tuple[State, State]:
    return move.before, move.after


def _place(move: Move) -> tuple[int, ...]:
    return tuple(map(list(State).index, _states(move)))


def _table() -> Iterator[str]:
    yield "| from | to | operation of `jobs.lifecycle` | when |"
    yield "| --- | --- | --- | --- |"
    for move in TRANSITIONS:
        after = move.after if move.after != move.before else "(stays)"
        yield f"| {move.before} | {after} | `{move.operation}` | {move.when} |"
