"""The job engine under random kills for minutes or hours; nothing lost, nothing done twice.

    bin/run python -m benchmarks.soak [--jobs 600] [--seed N] [--workers 4] [--minutes M]
        [--calm] [--keep FOLDER] [--json FILE]

Real dispatchers and workers, with a stub in the network's place, take jobs of 20 tenants who repeat
requests, cancel and set deadlines. Meanwhile processes are killed, stopped past their lease and
told to go, the queue is emptied, is out of reach, delivers messages twice and loses replies, all
drawn by the seed. In the end everything is let run out and counted: each accepted job has ended
once, a success has one result and one usage record, nothing else has any. Exit status 3, with the
jobs' ids, when that is not so. `--minutes` goes on for so long in place of a number of jobs;
`--calm` leaves the trouble out, for the pace without it.
"""

import random
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path

from benchmarks import counted
from benchmarks.customers import SLOW, Customers
from benchmarks.measuring import Report, finish, parser
from benchmarks.running import warm
from benchmarks.stage import Stage, stage
from benchmarks.trouble import Trouble
from tests import database
from tests.faults.house import IMPATIENT, House

TELL_SECONDS = 10.0
TICK_SECONDS = 0.05
LEASE_SECONDS = 4.0
QUIET_SECONDS = 90.0  # without any job's end: then something is stuck, and the count says what
SETTINGS = {
    "FAULTS_LEASE_SECONDS": str(LEASE_SECONDS),
    "FAULTS_STALL_SECONDS": "4",
    "PROGRESS_SECONDS": "0.5",
    "DISPATCH_LOST_SECONDS": "8",
    "SHUTDOWN_GRACE_SECONDS": "1",
    "LOG_LEVEL": "INFO",  # its lines are counted in the end
    "DEBUG": "0",
}
PLAN = {
    "steps": 0,
    # Longer than a lease, in pieces: what a killed worker had made is gone on with.
    "words": {SLOW.decode(): {"steps": 30, "step_seconds": 0.2, "piece_steps": 5}},
}
LOTS = {"refuse": 0.02, "fault": 0.02, "die": 0.005, "hang": 0.002}


class Soak:
    """One run around one database. `run()` returns what was broken, by job."""

    def __init__(self, house: House, customers: Customers, given: Namespace) -> None:
        self.house = house
        self.customers = customers
        self.given = given
        shares = {} if given.calm else LOTS
        house.plan(**PLAN, random={"seed": given.seed, "shares": shares})
        self.trouble = Trouble(house, given.seed, given.workers, LEASE_SECONDS, calm=given.calm)
        self.begun = self._told_at = self._moved_at = time.monotonic()
        self._ended = 0

    def run(self) -> None:
        """Until every job has ended, or none has for QUIET_SECONDS."""
        self.customers.start()
        while not self.customers.done:
            self.trouble.tick()
            self._tell()
            if self._is_stuck():
                break
        self.customers.stop()
        self.trouble.end()
        while counted.unfinished() and not self._is_stuck():
            self._tell()
        self.seconds = time.monotonic() - self.begun

    def settle(self) -> None:
        """Let what the last jobs left in the queue and the outbox be seen to, then stop."""
        deadline = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < deadline and not self._is_empty():
            time.sleep(TICK_SECONDS)
        self.house.stop()

    def _is_empty(self) -> bool:
        return not counted.unsent() and not any(map(self.house.queues.waiting, counted.QUEUES))

    def _is_stuck(self) -> bool:
        return time.monotonic() - self._moved_at > QUIET_SECONDS

    def _tell(self) -> None:
        """A line every TELL_SECONDS; and a short rest, since it is called in a loop."""
        time.sleep(TICK_SECONDS)
        now = time.monotonic()
        if now - self._told_at < TELL_SECONDS:
            return
        states = counted.by_state()
        ended = sum(states[state] for state in counted.FINAL)
        pace = (ended - self._ended) / (now - self._told_at)
        if ended > self._ended:
            self._moved_at = now
        self._told_at, self._ended = now, ended
        told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        strikes = self.trouble.strikes.total()
        print(
            f"{now - self.begun:6.0f} s  {told}; {pace:.1f} a second, {strikes} strikes", flush=True
        )


def measure(given: Namespace, place: Stage, home: Path) -> tuple[Report, counted.Breaks]:
    customers = Customers(given.seed, given.jobs, given.minutes and given.minutes * 60)
    with warm() as parent:
        house = House(home, parent, place.url(database.NAME) + IMPATIENT)
        house.environment |= SETTINGS
        try:
            soak = Soak(house, customers, given)
            soak.run()
            soak.settle()
        finally:
            house.stop()
    breaks = counted.breaks(customers.accepted)
    if customers.problem is not None:
        breaks["customers"] = [repr(customers.problem)]
    return told(soak, breaks, home), breaks


def told(soak: Soak, breaks: counted.Breaks, home: Path) -> Report:
    accepted = len(soak.customers.accepted)
    report = Report(f"A soak, seed {soak.given.seed}, {soak.given.workers} workers")
    report.add("accepted jobs", str(accepted))
    for name, number in sorted(counted.by_state().items()):
        report.add(f"  {name}", str(number))
    report.add("usage records", str(counted.usage_records()))
    report.add("attempts", str(counted.attempts()))
    report.add("seconds", soak.seconds)
    report.add("jobs a second", accepted / soak.seconds)
    for name, number in sorted(soak.trouble.strikes.items()):
        report.add(f"  {name}", str(number))
    for name, number in sorted(counted.events(home).items()):
        report.add(f"  {name}", str(number), "in the logs")
    report.promise("jobs that broke the promise", len(breaks), 0, at_most=True)
    report.figures["breaks"] = breaks
    return report


def main(arguments: list[str] | None = None) -> int:
    made = parser(__doc__)
    made.add_argument("--jobs", type=int, default=600)
    made.add_argument("--minutes", type=float, help="in place of a number of jobs")
    made.add_argument("--seed", type=int, default=random.randrange(10**6))
    made.add_argument("--workers", type=int, default=4)
    made.add_argument("--calm", action="store_true", help="no trouble: the pace without it")
    made.add_argument("--keep", type=Path, metavar="FOLDER", help="for the processes' logs")
    given = made.parse_args(arguments)
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder, stage(durable=False) as place:
        home = given.keep or Path(folder) / "house"
        home.mkdir(parents=True)
        report, breaks = measure(given, place, home)
    for job, wrong in breaks.items():
        print(f"BROKEN {job}: {' '.join(wrong)}")
    return finish(report, given)


if __name__ == "__main__":
    sys.exit(main())
