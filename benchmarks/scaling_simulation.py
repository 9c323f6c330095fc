"""What the scaling policy does to waiting times and GPU-hours, over simulated days.

    bin/run python -m benchmarks.scaling_simulation [--seed 7] [--figure-age 30] [--json FILE]

The policy is jobs.scaling itself. It is told the demand, as in production, and then plain queue
depth, which counts jobs that can't run and none that do. A day goes on until its last job is done.
Takes seconds and needs no server.
"""

import sys
from statistics import median, quantiles

from benchmarks.cluster import Cluster, Figure, Outcome, Times, demand, queue_depth
from benchmarks.days import DAYS, Day
from benchmarks.measuring import Report, finish, parser

SEED = 7
WAYS: dict[str, Figure] = {"demand": demand, "queue depth": queue_depth}
COLUMNS = ("median", "95 %", "worst", "GPU 95 %", "GPU-hours", "stopped")


def figures(outcome: Outcome) -> dict[str, float]:
    """Seconds of waiting, from sending to the result without the job's own work; `GPU 95 %`: of
    them, from the lane to the first second of work."""
    waits, for_gpu = outcome.waits, outcome.waits_for_gpu
    values = (
        median(waits),
        _most(waits),
        max(waits),
        _most(for_gpu),
        outcome.gpu_seconds / 3600,
        outcome.stopped,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _most(waits: list[float]) -> float:
    return quantiles(waits, n=20, method="inclusive")[-1]


def measure(days: list[Day], times: Times) -> Report:
    report = Report("the scaling policy over simulated days, waits in seconds")
    report.add("", "".join(f"{name:>10}" for name in COLUMNS))
    found: dict[str, dict[str, dict[str, float]]] = {}
    for day in days:
        found[day.name] = {}
        for name, figure in WAYS.items():
            row = figures(Cluster(day, figure, times).run())
            found[day.name][name] = row
            cells = "".join(
                f"{value:>10.1f}" if column == "GPU-hours" else f"{value:>10.0f}"
                for column, value in row.items()
            )
            report.add(f"{day.name}, {len(day.arrivals)} jobs, by {name}", cells)
    stopped = sum(ways["demand"]["stopped"] for ways in found.values())
    report.promise("videos that a scale-in by the demand stopped", stopped, 0, at_most=True)
    report.figures = {"days": found}
    return report


def main(arguments: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--seed", type=int, default=SEED)
    made.add_argument("--figure-age", type=float, default=0, metavar="SECONDS")
    given = made.parse_args(arguments)
    report = measure([day(given.seed) for day in DAYS], Times(figure_age=given.figure_age))
    report.figures["seed"] = given.seed
    return finish(report, given)


if __name__ == "__main__":
    sys.exit(main())
