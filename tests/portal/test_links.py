"""Links to the storage are signed while no transaction is open: S3's credentials may be a call."""

from typing import Any

import pytest
from django.urls import reverse

from jobs import downloads
from tenants.context import acting_for, current

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed(monkeypatch) -> list[str]:
    """The names under which links were signed; a link that is signed for somebody fails."""
    names = []
    sign = downloads.link

    def signing(key: str, name: str, *more: Any, **told: Any) -> str:
        assert current() is None, f"signed {name} inside a transaction"
        names.append(name)
        return sign(key, name, *more, **told)

    monkeypatch.setattr(downloads, "link", signing)
    return names


@pytest.mark.parametrize("page", ["home", "latest", "jobs", "job", "job_live", "download"])
def test_a_page_signs_its_links_after_the_tenants_rows_were_read(studio, make_job, signed, page):
    job = make_job(studio, "succeeded")
    with acting_for(studio.tenant.id):
        job.video.poster_key = "posters/one.jpg"
        job.video.save()
    address = reverse(f"portal:{page}", args=[job.id] if page in ONE_JOB else [])
    answer = studio.browser.get(address)
    assert answer.status_code == (302 if page == "download" else 200)
    assert signed


ONE_JOB = ("job", "job_live", "download")


def test_a_page_of_waiting_jobs_asks_the_database_for_nothing_after_them(studio, make_job):
    first, second = (make_job(studio, "queued") for _ in range(2))
    assert (
        "Jobs of yours before it: 1."
        in studio.browser.get(reverse("portal:job", args=[second.id])).text
    )
    assert "before it" not in studio.browser.get(reverse("portal:job", args=[first.id])).text
