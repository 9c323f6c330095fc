"""A folder of the test's own where the product would keep inputs and outputs."""

from pathlib import Path
from typing import Any

import pytest

BACKEND = "django.core.files.storage.FileSystemStorage"


@pytest.fixture
def shelves(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT, settings.WORK_ROOT = tmp_path, tmp_path / "work"
    folders = {
        name: {"BACKEND": BACKEND, "OPTIONS": {"location": tmp_path / name}}
        for name in ("inputs", "outputs")
    }
    settings.STORAGES = {**settings.STORAGES, **folders}
    return tmp_path


def path_of(link: str) -> str:
    """What Django's test client wants of an absolute link."""
    return link.removeprefix(link[: link.index("/", len("https://"))])
