"""Days of a platform, made up: who sends what when, each by its seed."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

HOUR = 3600.0
DAY = 24 * HOUR
# The deployment guide's videos take 90 to 180 seconds; one in twenty is a long one.
USUAL_SECONDS, LONG_SECONDS, LONG_SHARE = (90.0, 180.0), (600.0, 1800.0), 0.05


@dataclass(frozen=True)
class Arrival:
    """A job of a tenant that comes `at` seconds into the day and takes a GPU `seconds`."""

    at: float
    tenant: int
    seconds: float


@dataclass(frozen=True)
class Day:
    """lanes: how many each tenant has, by its number."""

    name: str
    lanes: tuple[int, ...]
    arrivals: tuple[Arrival, ...]


def steady(seed: int) -> Day:
    """Sixty jobs an hour round the clock, of thirty tenants."""
    chance = Random(seed)
    arrivals = _poisson(chance, lambda at: 60 / HOUR, 60 / HOUR, tenants=30)
    return Day("steady", (2,) * 30, tuple(arrivals))


def office_hours(seed: int) -> Day:
    """Six an hour at night; from eight to six more, 150 at one o'clock, of fifty tenants."""
    chance = Random(seed)

    def rate(at: float) -> float:
        share = math.sin(math.pi * (at / HOUR - 8) / 10) if 8 <= at / HOUR <= 18 else 0.0
        return (6 + 144 * share) / HOUR

    arrivals = _poisson(chance, rate, 150 / HOUR, tenants=50)
    return Day("office hours", (2,) * 50, tuple(arrivals))


def bulk(seed: int) -> Day:
    """Twenty an hour of twenty tenants, and at ten o'clock three hundred of one with four lanes."""
    chance = Random(seed)
    arrivals = list(_poisson(chance, lambda at: 20 / HOUR, 20 / HOUR, tenants=20))
    arrivals += [Arrival(10 * HOUR, 20, _seconds(chance)) for _ in range(300)]
    return Day("bulk client", (*(2,) * 20, 4), _in_order(arrivals))


def lanes(seed: int) -> Day:
    """Eight tenants of one to twelve lanes, each with sixty jobs at some moment of the day."""
    chance = Random(seed)
    numbers = (1, 1, 2, 2, 4, 4, 8, 12)
    arrivals = [
        Arrival(at, tenant, _seconds(chance))
        for tenant in range(len(numbers))
        for at in [chance.uniform(0, DAY)]
        for _ in range(60)
    ]
    return Day("tenants with lanes", numbers, _in_order(arrivals))


DAYS: tuple[Callable[[int], Day], ...] = (steady, office_hours, bulk, lanes)


def _poisson(
    chance: Random, rate: Callable[[float], float], most: float, *, tenants: int
) -> Iterator[Arrival]:
    """Arrivals at a rate that changes, by thinning those of the highest."""
    at = chance.expovariate(most)
    while at < DAY:
        if chance.random() * most < rate(at):
            yield Arrival(at, chance.randrange(tenants), _seconds(chance))
        at += chance.expovariate(most)


def _seconds(chance: Random) -> float:
    return chance.uniform(*(LONG_SECONDS if chance.random() < LONG_SHARE else USUAL_SECONDS))


def _in_order(arrivals: list[Arrival]) -> tuple[Arrival, ...]:
    return tuple(sorted(arrivals, key=lambda arrival: arrival.at))
