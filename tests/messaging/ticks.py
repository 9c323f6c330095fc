"""Functions for timers, which name theirs by dotted path."""

ran: list[str] = []


def tick() -> None:
    ran.append("tick")


def broken_tick() -> None:
    raise RuntimeError("this timer's owner made a mistake")
