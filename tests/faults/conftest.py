"""The product's own processes around one database, and jobs whose files were looked at already."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models.functions import Now

from jobs import lifecycle, submission, uploads
from jobs.models import TERMINAL, Attempt, Job
from messaging.models import OutboxMessage
from tenants import people
from tenants.context import acting_for, as_operator
from tenants.models import Tenant
from tests.faults.house import House, environment
from tests.faults.processes import Warm, until
from tests.making import ANY_BYTES


class Submitted:
    """A job, read anew from the database at each question."""

    def __init__(self, job_id: UUID, tenant_id: UUID) -> None:
        self.id = job_id
        self.tenant_id = tenant_id

    def _job(self) -> Job:
        with as_operator("look at a test's job"):
            return Job.objects.get(id=self.id)

    @property
    def state(self) -> str:
        return self._job().state

    @property
    def lane(self) -> int | None:
        return self._job().lane

    @property
    def percent(self) -> int:
        return self._job().percent

    @property
    def error_code(self) -> str:
        return self._job().error_code

    @property
    def result(self) -> tuple[str, str]:
        job = self._job()
        return job.result_key, job.result_sha256

    @property
    def attempts(self) -> int:
        with as_operator("count a test's attempts"):
            return Attempt.objects.filter(job=self.id).count()

    @property
    def unsent(self) -> int:
        """Its messages that are not marked as sent."""
        with as_operator("count a test's messages"):
            unsent = OutboxMessage.objects.filter(payload__job_id=str(self.id), sent_at=None)
            return unsent.count()

    def has_ended(self) -> bool:
        return self.state in TERMINAL

    def gets_under_way(self, percent: int = 5) -> None:
        """Returns when so much of it is made; to 5 % it is being prepared."""
        until(lambda: self.percent > percent, "the job is under way")

    def cancel(self) -> None:
        with acting_for(self.tenant_id):
            lifecycle.cancel(self.id, by="a test")


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    parent = Warm(environment())
    yield parent
    parent.stop()


@pytest.fixture
def house(transactional_db, warm: Warm, tmp_path: Path, request) -> Iterator[House]:
    house = House(tmp_path, warm, database_url())
    yield house
    house.stop()
    if request.session.testsfailed:
        print(house.said())


@pytest.fixture
def tenant(transactional_db) -> Tenant:
    with as_operator("make a test's tenant"):
        return people.create_tenant("A studio")


@pytest.fixture
def submit(tenant: Tenant) -> Callable[[], Submitted]:
    """Submits a job whose files pass for looked at: any bytes are a video to the stub."""

    def submit() -> Submitted:
        files = receive_files(tenant, ANY_BYTES, ANY_BYTES)
        with acting_for(tenant.id):  # at once: a dispatcher may be at work already
            job = submit_uploads(*files)
            return accepted(tenant, job.id)

    return submit


def submit_files(tenant: Tenant, video: bytes, audio: bytes) -> Submitted:
    """What a form post does, as far as the platform is concerned."""
    files = receive_files(tenant, video, audio)
    with acting_for(tenant.id):
        return Submitted(submit_uploads(*files).id, tenant.id)


def submit_uploads(video_id: UUID, audio_id: UUID) -> Job:
    job, _ = submission.submit(
        video_id=video_id, audio_id=audio_id, options={}, submitted_by="a test"
    )
    return job


def receive_files(tenant: Tenant, video: bytes, audio: bytes) -> tuple[UUID, UUID]:
    files = (("video", video), ("audio", audio))
    first, second = (
        uploads.receive_file(tenant.id, kind, SimpleUploadedFile(f"{kind}.mp4", content)).id
        for kind, content in files
    )
    return first, second


def accepted(tenant: Tenant, job_id: UUID) -> Submitted:
    """The job as if a task worker had looked at its files: queued, its message read."""
    with acting_for(tenant.id):
        lifecycle.accept_probe(job_id)
    with as_operator("spare a test the look at its files"):
        unsent = OutboxMessage.objects.filter(payload__job_id=str(job_id), actor="probe_job")
        unsent.update(sent_at=Now())
    return Submitted(job_id, tenant.id)


def database_url() -> str:
    told = connection.settings_dict
    login = f"{told['USER']}:{quote(told['PASSWORD'])}"
    return f"postgresql://{login}@{told['HOST']}:{told['PORT']}/{told['NAME']}"
