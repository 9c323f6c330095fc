"""How fast the job engine is, and that it stays so however many jobs wait.

    bin/run python -m benchmarks.jobs [--waiting 1000 10000 100000] [--tenants 500] [--json FILE]
        [--rounds 3] [--plans]

Databases with so many waiting jobs of 500 tenants, and the same week of history in each, are made
in a PostgreSQL that is thrown away. In each, the dispatcher's turns are timed by themselves; and
real processes with a stub in the network's place take submissions over HTTP, send, claim and
finish. Each figure with the most waiting jobs is held against the same with the fewest, from the
same run: it may be 1.5 times as much. The scrape may be more, since it counts what waits. The queue
server is the tests' strict one, so that the engine is measured and not moto. `--plans` prints how
PostgreSQL carries out the slowest statements.
"""

import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from benchmarks import crowd, plans, turns, whole_engine
from benchmarks.measuring import Report, finish, medians, parser
from benchmarks.running import running, warm
from benchmarks.stage import Stage, stage

MOST = 1.5
USED = "crowd_in_use"
SIZES = (1_000, 10_000, 100_000)
COUNTS = (turns.SCRAPE, whole_engine.SCRAPE)
A_SECOND = "a second"  # what is named so should not fall; all other figures are times


def measure(given: Namespace, folder: Path) -> Report:
    amounts = whole_engine.Amounts(
        given.submissions, given.submissions, given.jobs // 4, given.jobs
    )
    with stage() as place:
        names = crowd.set_up(
            place, tenants=given.tenants, history=given.history, sizes=given.waiting
        )
        try:
            found = dict(turns.measure(place, names, given.rounds))  # while nothing has moved
            found |= whole_engine_of(place, names, given.rounds, amounts, folder)
            report = told(found, given)
            if given.plans:
                report.figures["plans"] = plans.show(place, names[max(names)])
            return report
        finally:
            for name in (*names.values(), USED):
                place.drop(name)


def whole_engine_of(
    place: Stage,
    names: Mapping[int, str],
    rounds: int,
    amounts: whole_engine.Amounts,
    folder: Path,
) -> dict[str, dict[int, float]]:
    """The median over the rounds; sizes take turns within a round."""
    found: dict[str, dict[int, list[float]]] = {}
    with warm() as parent:
        for turn in range(rounds):
            for size, name in names.items():
                place.copy(USED, of=name)  # what a round leaves behind would be the next one's load
                with (
                    running(folder / f"{name}-{turn}", parent, place.url(USED)) as house,
                    whole_engine.engine(place, USED, house, amounts) as engine,
                ):
                    for figure, value in whole_engine.measure(engine).items():
                        found.setdefault(figure, {}).setdefault(size, []).append(value)
    return medians(found)


def told(found: Mapping[str, Mapping[int, float]], given: Namespace) -> Report:
    sizes = " ".join(f"{size:>9,}" for size in given.waiting)
    report = Report(f"The job engine, {given.tenants} tenants; jobs that wait: {sizes}")
    report.figures["found"] = {name: dict(values) for name, values in found.items()}
    for name, values in found.items():
        rate = A_SECOND in name
        shown = " ".join(f"{value if rate else value * 1000:9.1f}" for value in values.values())
        report.add(name, shown, "" if rate else "ms")
        few, many = values[min(values)], values[max(values)]
        if name not in COUNTS:
            report.promise(name, few / many if rate else many / few, MOST, at_most=True)
    return report


def main(arguments: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--waiting", type=int, nargs="+", default=list(SIZES), help="jobs")
    made.add_argument("--tenants", type=int, default=500)
    made.add_argument("--history", type=int, default=20_000, help="jobs of the week before")
    made.add_argument("--rounds", type=int, default=3, help="of which the median is told")
    made.add_argument("--submissions", type=int, default=200, help="a round")
    made.add_argument("--jobs", type=int, default=100, help="through the whole engine, a round")
    made.add_argument("--plans", action="store_true", help="of the slowest statements")
    given = made.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        report = measure(given, Path(name))
    return finish(report, given)


if __name__ == "__main__":
    sys.exit(main())
