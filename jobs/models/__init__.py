"""Work: what was uploaded, what is asked for, and each try at it."""

from jobs.models.attempt import Attempt, Outcome
from jobs.models.job import TERMINAL, Job, State
from jobs.models.segment import Segment
from jobs.models.upload import Upload, UploadKind, UploadState

__all__ = [
    "TERMINAL",
    "Attempt",
    "Job",
    "Outcome",
    "Segment",
    "State",
    "Upload",
    "UploadKind",
    "UploadState",
]
