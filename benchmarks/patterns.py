"""A job of each kind, brought there the real way, of which a crowd is copies."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile

import benchmarks.stage  # noqa: F401 - it sets Django up
from jobs import admission, lifecycle, submission
from jobs.models import Upload
from jobs.storage import inputs
from tenants import keys, people
from tenants.context import acting_for, as_operator
from tenants.models import Tenant
from tests import making
from tests.jobs.results import KEY, RESULT


@dataclass(frozen=True)
class Patterns:
    """A job of each kind, of a tenant called Pattern."""

    tenant: UUID
    waiting: UUID
    dispatched: UUID
    ended: UUID


def make_patterns() -> Patterns:
    with as_operator("make a benchmark's patterns"):
        tenant = people.create_tenant("Pattern")
    with acting_for(tenant.id):
        keys.create("a benchmark's")
        size = len(making.ANY_BYTES)
        files = {
            f"{kind}_id": making.an_upload(kind, size_bytes=size).id for kind in ("video", "audio")
        }
    ended, dispatched, waiting = (_queued(tenant, files) for _ in range(3))
    with as_operator("give the patterns lanes"):
        admission.admit()  # two lanes: the first two
    with acting_for(tenant.id):
        attempt = lifecycle.claim(ended, worker="a benchmark", lease=60)
        lifecycle.succeed(attempt.id, fence=attempt.fence, result=RESULT, output_key=KEY)
    return Patterns(tenant.id, waiting, dispatched, ended)


def _queued(tenant: Tenant, files: dict[str, Any]) -> UUID:
    with acting_for(tenant.id):
        job, _ = submission.submit(**files, options={}, submitted_by="a benchmark")
        return lifecycle.accept_probe(job.id).id


def store_inputs() -> None:
    with as_operator("list a benchmark's inputs"):
        found = list(Upload.objects.values_list("key", flat=True))
    for key in found:
        inputs().save(key, ContentFile(making.ANY_BYTES))
