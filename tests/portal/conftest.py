"""A tenant with people and jobs, seen through the pages."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client
from django.utils import timezone

from jobs.models import Job, Upload
from tenants import people
from tenants.context import acting_for, as_operator
from tenants.models import Role, Tenant, User
from tests.jobs.storing import shelves

__all__ = ["shelves"]

PICTURE = {"codec": "h264", "width": 64, "height": 48, "frame_rate": "25/1"}
SOUND = {"codec": "pcm_s16le", "sample_rate": 16000, "channels": 1}
FACTS = {"frames": 50, "frame_rate": "25/1", "width": 64, "height": 48, "passed_through": []}


@dataclass(frozen=True)
class Studio:
    """A tenant, its owner, and a browser in which the owner is signed in."""

    tenant: Tenant
    owner: User
    browser: Client

    def member(self, role: str) -> Client:
        """Another person of the tenant, signed in."""
        with as_operator("tests"):
            membership, _ = people.add_member(
                self.tenant, f"{role}@{self.tenant.slug}.example", role
            )
        return signed_in(membership.user)


def signed_in(user: User) -> Client:
    browser = Client()
    browser.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    return browser


@pytest.fixture
def make_studio(db) -> Callable[[str], Studio]:
    def make(name: str) -> Studio:
        with as_operator("tests"):
            tenant = people.create_tenant(name)
            membership, _ = people.add_member(tenant, f"owner@{tenant.slug}.example", Role.OWNER)
        return Studio(tenant, membership.user, signed_in(membership.user))

    return make


@pytest.fixture
def studio(make_studio) -> Studio:
    return make_studio("Northlight")


def upload(studio: Studio, kind: str, name: str) -> Upload:
    info = {"duration": "2/1", "duration_seconds": 2.0, "video": None, "audio": SOUND}
    if kind == "video":
        info["video"] = PICTURE
    return Upload.objects.create(
        tenant=studio.tenant,
        kind=kind,
        name=name,
        size_bytes=1000,
        part_bytes=1000,
        state="ready",
        completed_at=timezone.now(),
        key=f"{studio.tenant.id}/{kind}-{timezone.now().timestamp()}",
        media_info=info,
    )


@pytest.fixture
def make_job() -> Callable[..., Job]:
    """A job of a studio in any state, written straight into the table."""

    def make(studio: Studio, state: str = "validating", **fields: object) -> Job:
        ended = state in ("succeeded", "failed", "canceled")
        fields |= {"finished_at": timezone.now()} if ended else {}
        if state == "succeeded":
            fields = RESULT | fields
        if state == "processing":
            fields = {"lane": 0, "started_at": timezone.now()} | fields
        with acting_for(studio.tenant.id):
            return Job.objects.create(
                tenant=studio.tenant,
                state=state,
                video=upload(studio, "video", "interview.mp4"),
                audio=upload(studio, "audio", "voice.wav"),
                options={"steps": 20, "guidance": 1.5},
                submitted_by=studio.owner.email,
                **fields,
            )

    return make


RESULT = {
    "percent": 100,
    "result_key": "results/one.mp4",
    "result_size_bytes": 1000,
    "result_sha256": "ab" * 32,
    "result_seconds_numerator": 2,
    "result_seconds_denominator": 1,
    "result_facts": FACTS,
    "model_label": "LatentSync 1.5",
}
