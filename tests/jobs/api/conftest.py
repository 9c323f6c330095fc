"""Two tenants with a key each; files that are small and need not play: nothing probes them here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs import uploads
from tenants import keys, people
from tenants.context import acting_for, as_operator
from tenants.models import Tenant

VIDEO, VOICE = b"a video" * 100, b"a voice" * 100


@dataclass
class Studio:
    """A tenant and its program: `client` sends the key along."""

    tenant: Tenant
    secret: str
    client: Client

    def form(self, video: bytes = VIDEO, audio: bytes = VOICE, **fields: Any) -> dict[str, Any]:
        return {
            "video": SimpleUploadedFile("face.mp4", video),
            "audio": SimpleUploadedFile("voice.wav", audio),
            **fields,
        }

    def process(self, *, key: str | None = None, **fields: Any) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.client.post("/process", self.form(**fields), headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(path, body or {}, "application/json", headers=headers)

    def upload(self, kind: str = "video") -> str:
        """The id of a complete upload."""
        file = SimpleUploadedFile(f"{kind}.bin", VIDEO)
        return str(uploads.receive_file(self.tenant.id, kind, file).id)


def studio(name: str, scopes: list[str] | None = None) -> Studio:
    with as_operator("test"):
        tenant = people.create_tenant(name)
    with acting_for(tenant.id):
        _, secret = keys.create("program", scopes=scopes)
    return Studio(tenant, secret, Client(headers={"Authorization": f"Bearer {secret}"}))


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Any) -> None:
    """A folder of the test's own."""
    settings.MEDIA_ROOT = tmp_path
    settings.WORK_ROOT = tmp_path / "work"
    backend = "django.core.files.storage.FileSystemStorage"
    folders = {
        name: {"BACKEND": backend, "OPTIONS": {"location": tmp_path / name}}
        for name in ("inputs", "outputs")
    }
    settings.STORAGES = {**settings.STORAGES, **folders}


@pytest.fixture
def acme(db: None) -> Studio:
    return studio("Acme")


@pytest.fixture
def rival(db: None) -> Studio:
    return studio("Rival")


@pytest.fixture
def make_studio(db: None) -> Callable[..., Studio]:
    return studio
