"""Why a job can have failed: the one list behind the API's document, the docs and the pages."""

from collections.abc import Mapping
from dataclasses import dataclass

TRY_AGAIN = "Try it again; if it fails once more, write to us with the job's id."


LONGEST_CODE, LONGEST_WORDS = 60, 2000  # characters


def plain(text: str, most: int = LONGEST_WORDS) -> str:
    """What a program says of its failure, fit for the database: no control characters (PostgreSQL
    takes no NUL, and the end of a job would not be recorded for it), not endless."""
    return "".join(c if c.isprintable() else " " for c in text[:most])


@dataclass(frozen=True)
class Failure:
    """`title` heads the page of such a job. `ours`: nothing about the job itself was wrong."""

    title: str
    means: str
    ours: bool = False


FAILURES: Mapping[str, Failure] = {
    "unsupported_media": Failure(
        "A file is of a kind that can't be read", "a file is of a kind that is not read"
    ),
    "damaged_media": Failure("A file is damaged", "a file is broken"),
    "no_video_stream": Failure(
        "There is no picture in the video", "there is no picture in the video"
    ),
    "no_audio_stream": Failure("There is no sound in the voice", "there is no sound in the voice"),
    "media_too_large": Failure(
        "A file is larger than the limits allow", "longer, larger or faster than the limits allow"
    ),
    "media_timeout": Failure("Reading a file took too long", "reading a file took too long"),
    "no_face": Failure("No face was found in the video", "no face was found in the video"),
    "bad_option": Failure(
        "An option can't be as it was chosen", "an option of the model that can't be"
    ),
    "deadline_passed": Failure("The deadline has passed", "it had not ended by its deadline"),
    "worker_lost": Failure(
        "The worker was lost too often", "three workers were lost on it", ours=True
    ),
    "too_many_attempts": Failure(
        "The job could not be begun",
        "for three hours nothing on our side could begin it",
        ours=True,
    ),
    "engine_fault": Failure("Something of ours broke", "the engine broke, three times", ours=True),
    "engine_error": Failure(
        "Something of ours broke", "the engine gave up, three times", ours=True
    ),
    "engine_crashed": Failure(
        "Something of ours broke", "the model's process died, three times", ours=True
    ),
    "engine_hung": Failure(
        "Something of ours broke", "the model's process fell silent, three times", ours=True
    ),
    "worker_fault": Failure(
        "Something of ours broke",
        "the storage, a disk or a program around the model failed, three times",
        ours=True,
    ),
    "bad_checkpoint": Failure(
        "The installation's model can't be loaded",
        "the installation's model can't be loaded: the operator's business",
        ours=True,
    ),
}
OURS = frozenset(code for code, failure in FAILURES.items() if failure.ours)


def title_of(code: str) -> str:
    """What heads the page of a job that failed with it; codes of older releases have one too."""
    return FAILURES[code].title if code in FAILURES else "The job failed"
