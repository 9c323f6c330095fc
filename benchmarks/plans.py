"""How PostgreSQL carries out the slowest statements of the dispatcher's turns."""

import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from benchmarks.stage import Stage
from benchmarks.turns import TURNS, Turn, undone

MOST = 3  # statements of each turn
EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) "
EXPLAINED = ("SELECT", "UPDATE", "INSERT", "WITH", "DELETE")

Statement = tuple[float, str, Any]


def show(stage: Stage, name: str) -> dict[str, list[str]]:
    """Prints and returns the plans, by turn."""
    stage.enter(name)
    found = {turn.name: slowest(turn) for turn in TURNS}
    for turn, texts in found.items():
        print(f"--- {turn}", *texts, sep="\n")
    return found


def slowest(turn: Turn) -> list[str]:
    statements = sorted(_statements(turn), key=lambda each: -each[0])[:MOST]
    return [_explained(turn, each) for each in statements]


def _statements(turn: Turn) -> list[Statement]:
    """What a turn asks the database, with the seconds that each took; similar ones once."""
    found: dict[str, Statement] = {}

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            seconds = time.perf_counter() - begun
            if sql.lstrip().startswith(EXPLAINED) and seconds > found.get(sql, (0.0,))[0]:
                found[sql] = (seconds, sql, params)

    with undone(turn), connection.execute_wrapper(note):
        turn.run()
    return list(found.values())


def _explained(turn: Turn, statement: Statement) -> str:
    seconds, sql, params = statement
    with undone(turn), connection.cursor() as cursor:
        cursor.execute(EXPLAIN + sql, params)
        plan = "\n".join(f"    {line}" for (line,) in cursor.fetchall())
    return f"  {seconds * 1000:.1f} ms: {sql[:300]}\n{plan}"
