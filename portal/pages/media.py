"""Links to pictures and films, for pages: short-lived, and made after the tenant was checked.

No transaction is open then: the pages that show them are rendered after acting_for() has ended.
"""

from pathlib import PurePosixPath

from django.conf import settings

from jobs import downloads, results
from jobs.content_types import SHOWN
from jobs.models import Job, Upload

SAMPLE = {"video": "face.mp4", "audio": "voice.wav"}


def from_here(link: str) -> str:
    """A link to our own storage without its host.

    The policy lets a page load from its own origin, and people also come by another name than
    SITE_URL's, such as localhost.
    """
    return link.removeprefix(settings.SITE_URL)


def poster(video: Upload) -> str:
    return _shown(video.poster_key, "poster.jpg")


def source(video: Upload) -> str:
    """The preview where the browser can't play the file itself."""
    if video.preview_key:
        return _shown(video.preview_key, "preview.mp4")
    suffix = PurePosixPath(video.name).suffix.lower()
    return _shown(video.key, video.name if suffix in SHOWN else "source.mp4")


def result(job: Job) -> str:
    return _shown(job.result_key, results.file_name(job))


def has_sample() -> bool:
    return all((settings.SAMPLE_DIR / name).is_file() for name in SAMPLE.values())


def _shown(key: str, name: str) -> str:
    return from_here(downloads.link(key, name, inline=True)) if key else ""
