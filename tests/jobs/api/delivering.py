"""A job brought to its end without a worker: the result is these bytes."""

from pathlib import Path
from uuid import UUID

from jobs import admission, lifecycle, storage
from jobs.models import Attempt
from tenants.context import acting_for, as_operator
from tests.jobs.results import RESULT

BYTES = bytes(range(256)) * 40


def claimed(studio, job_id: UUID | str) -> Attempt:
    """The job as a worker has it."""
    job_id = UUID(str(job_id))
    with acting_for(studio.tenant.id):
        lifecycle.accept_probe(job_id)
    with as_operator("admission"):
        admission.admit()
    with acting_for(studio.tenant.id):
        return lifecycle.claim(job_id, worker="gpu-1", lease=300)


def delivered(studio, tmp_path: Path) -> str:
    """The id of a job that has succeeded."""
    job_id = studio.process().json()["id"]
    attempt = claimed(studio, job_id)
    result = tmp_path / "result.mp4"
    result.write_bytes(BYTES)
    key = storage.put_result(result, attempt.tenant_id, attempt.job_id, attempt.id)
    with acting_for(studio.tenant.id):
        lifecycle.succeed(attempt.id, fence=attempt.fence, result=RESULT, output_key=key)
    return job_id


def failed(studio) -> str:
    job_id = studio.process().json()["id"]
    with acting_for(studio.tenant.id):
        lifecycle.refuse(job_id, code="no_face", message="No face was found.", hint="Show one.")
    return job_id
