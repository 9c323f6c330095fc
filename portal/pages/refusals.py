"""What an operation refuses, told to somebody who sits before a page.

The operations' own hints are for programs: they name addresses, headers and ISO 8601.
"""

from datetime import datetime

from django.forms import Form

from jobs.clock import database_now
from jobs.errors import (
    BadDeadline,
    IdempotencyKeyReused,
    JobError,
    UnknownUpload,
    UploadNotReady,
)
from portal.templatetags.words import moment

MARKED = "Look at what is marked below."
NO_FILES = "Choose a video and a voice."
ANEW = "The files have to be chosen again: a browser does not keep them."
SENT_BEFORE = "This page was sent before, with other choices. Load it anew to make another job."
FILE_GONE = "A file is not here any more, or not all of it. Choose it again."


def in_words(refusal: JobError, deadline: datetime | None = None) -> str:
    """deadline: the one that was asked for, in case it is what was refused."""
    if isinstance(refusal, BadDeadline) and deadline is not None:
        return f"{refusal} {_as_read(deadline)}"
    if isinstance(refusal, IdempotencyKeyReused):
        return SENT_BEFORE
    if isinstance(refusal, UnknownUpload | UploadNotReady):
        return FILE_GONE
    return f"{refusal} {refusal.hint}".strip()


def _as_read(deadline: datetime) -> str:
    """Where a clock or a zone is wrong, on either side, this tells which."""
    return (
        f"It was read as {moment(deadline)}, and by the clock here it is {moment(database_now())}. "
        "Choose another moment, or leave it empty."
    )


def above(form: Form, refusal: JobError | None = None) -> str:
    """The sentence above a form that comes back; what is about the deadline is noted beside it."""
    if isinstance(refusal, BadDeadline):
        form.add_error("deadline", in_words(refusal, form.cleaned_data["deadline"]))
    elif refusal is not None:
        return f"{in_words(refusal)} {ANEW}"
    if "video" in form.errors or "audio" in form.errors:
        others = set(form.errors) - {"video", "audio"}
        return f"{NO_FILES} {MARKED}" if others else NO_FILES
    return f"{MARKED} {ANEW}"
