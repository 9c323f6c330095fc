"""Rows that tests begin with, made inside acting_for() or as_operator() like all rows."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from jobs.models import Job, State, Upload
from messaging.ids import new_id
from tenants import people
from tenants.context import as_operator, current_tenant
from tenants.models import Tenant

PART_BYTES = 8 << 20
ANY_BYTES = b"the stub looks at no picture" * 99


def a_tenant(name: str, *, jobs_at_once: int = 2, time_zone: str = "UTC") -> Tenant:
    """A tenant with limits. Opens the operator's context by itself."""
    with as_operator("a test's tenant"):
        tenant = people.create_tenant(name, time_zone=time_zone)
        tenant.limits.jobs_at_once = jobs_at_once
        tenant.limits.save()
    return tenant


def an_upload(kind: str = "video", *, tenant_id: UUID | None = None, **fields: Any) -> Upload:
    """A complete upload without bytes behind it."""
    told: dict[str, Any] = {
        "tenant_id": tenant_id or current_tenant(),
        "kind": kind,
        "name": "face.mp4" if kind == "video" else "voice.wav",
        "size_bytes": 1_000_000,
        "part_bytes": PART_BYTES,
        "state": "ready",
        "completed_at": timezone.now(),
        "key": f"tests/{new_id()}",
    }
    return Upload.objects.create(**{**told, **fields})


def a_job(**fields: Any) -> Job:
    """A job as it stands after a submit; `state` and the like put it elsewhere."""
    tenant_id = fields.pop("tenant_id", None) or current_tenant()
    told = {
        "tenant_id": tenant_id,
        "video": fields.pop("video", None) or an_upload("video", tenant_id=tenant_id),
        "audio": fields.pop("audio", None) or an_upload("audio", tenant_id=tenant_id),
        "options": {"steps": 20, "guidance": 1.5, "seed": 1247},
        "submitted_by": "a test",
    }
    return Job.objects.create(**{**told, **fields})


def a_queued_job(**fields: Any) -> Job:
    return a_job(**{"state": State.QUEUED, "queued_at": timezone.now(), **fields})
