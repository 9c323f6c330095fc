"""The one table of the state machine: from where to where, by which operation, and when.

The operations look their moves up in it, the database's trigger refuses every other change of
state, and the diagram in docs/jobs.md is drawn from it. A row whose two states are the same is
something that happens within a state.
"""

from dataclasses import dataclass

from jobs.models import State


@dataclass(frozen=True)
class Move:
    """`operation` is a function of jobs.lifecycle; `when` is what must be true of the job."""

    before: State
    after: State
    operation: str
    when: str


ASKED_TO_CANCEL = "a cancel was asked for before"

TRANSITIONS = (
    Move(State.VALIDATING, State.QUEUED, "accept_probe", "both files can be used"),
    Move(State.VALIDATING, State.FAILED, "refuse", "a file can't be used"),
    Move(State.VALIDATING, State.FAILED, "give_up", "its messages died unheard for hours"),
    Move(State.VALIDATING, State.FAILED, "expire", "its deadline has passed"),
    Move(State.VALIDATING, State.CANCELED, "cancel", "at once"),
    Move(State.QUEUED, State.QUEUED, "dispatch", "it holds a lane: its message is sent, again too"),
    Move(State.QUEUED, State.QUEUED, "step_back", "its tenant is suspended: its lane is free"),
    Move(State.QUEUED, State.PROCESSING, "claim", "it holds a lane: a new attempt, a new fence"),
    Move(State.QUEUED, State.FAILED, "give_up", "its messages died unheard for hours"),
    Move(State.QUEUED, State.FAILED, "expire", "its deadline has passed"),
    Move(State.QUEUED, State.CANCELED, "cancel", "at once"),
    Move(State.PROCESSING, State.PROCESSING, "beat", "the work goes on: the lease is renewed"),
    Move(State.PROCESSING, State.PROCESSING, "record_segments", "pieces are in the storage"),
    Move(State.PROCESSING, State.PROCESSING, "cancel", "a request that the worker hears"),
    Move(State.PROCESSING, State.SUCCEEDED, "succeed", "the result is in the storage"),
    Move(State.PROCESSING, State.QUEUED, "release", "no strike: its worker goes, or has no model"),
    Move(State.PROCESSING, State.QUEUED, "fail", "a fault, and attempts are left"),
    Move(State.PROCESSING, State.QUEUED, "give_up_on", "its lease ran out, and attempts are left"),
    Move(State.PROCESSING, State.FAILED, "fail", "a refusal, or the last attempt's fault"),
    Move(State.PROCESSING, State.FAILED, "give_up_on", "the last attempt's lease ran out"),
    Move(State.PROCESSING, State.FAILED, "expire", "its deadline has passed"),
    Move(State.PROCESSING, State.CANCELED, "finish_cancel", "its worker has heard of the cancel"),
    Move(State.PROCESSING, State.CANCELED, "succeed", ASKED_TO_CANCEL),
    Move(State.PROCESSING, State.CANCELED, "release", ASKED_TO_CANCEL),
    Move(State.PROCESSING, State.CANCELED, "fail", ASKED_TO_CANCEL),
    Move(State.PROCESSING, State.CANCELED, "give_up_on", ASKED_TO_CANCEL),
    Move(State.PROCESSING, State.CANCELED, "expire", ASKED_TO_CANCEL),
)

_ALLOWED = frozenset((move.before, move.after, move.operation) for move in TRANSITIONS)


def allows(before: str, after: str, operation: str) -> bool:
    return (before, after, operation) in _ALLOWED
