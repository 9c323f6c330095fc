"""The states of a job, and the only functions that change them.

    validating -> queued -> processing -> succeeded | failed | canceled

A hand-over or another try goes back from processing to queued; transitions.py holds every move with
the operation that makes it. Each function is whole or not at all, within the caller's transaction,
and takes the job's lock first: a cancel and a success can't both win. Each write of a worker names
its fence: computed twice perhaps, recorded once.
"""

from jobs.lifecycle.attempts import Beat, StoredSegment, beat, claim, record_segments
from jobs.lifecycle.dispatching import dispatch, dispatch_all, step_back
from jobs.lifecycle.endings import fail, finish_cancel, give_up_on, release, succeed
from jobs.lifecycle.moving import MAX_ATTEMPTS
from jobs.lifecycle.retrying import retry
from jobs.lifecycle.stopping import cancel, expire, give_up
from jobs.lifecycle.transitions import TRANSITIONS, Move
from jobs.lifecycle.validating import accept_probe, refuse

__all__ = [
    "MAX_ATTEMPTS",
    "TRANSITIONS",
    "Beat",
    "Move",
    "StoredSegment",
    "accept_probe",
    "beat",
    "cancel",
    "claim",
    "dispatch",
    "dispatch_all",
    "expire",
    "fail",
    "finish_cancel",
    "give_up",
    "give_up_on",
    "record_segments",
    "refuse",
    "release",
    "retry",
    "step_back",
    "succeed",
]
