import os

import pytest


@pytest.fixture(autouse=True)
def hasty_disk(monkeypatch):
    """Waiting for the disk proves nothing here, and on a busy one takes seconds a bundle."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
