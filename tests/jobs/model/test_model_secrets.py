"""The model's process sees no secret of ours."""

import json
import os
from pathlib import Path

from jobs.starting import clean_environment
from tests.jobs.model.processes import last_event


def test_the_running_process_sees_no_secret_of_ours(child, request_of, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:secret@db/viseme")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    child.begin("a", **request_of)
    last_event(child, "done")
    seen = Path(f"/proc/{child._process.pid}/environ").read_text()
    assert "secret" not in seen and "DATABASE" not in seen and "AWS_" not in seen


def test_the_process_sees_no_secret_of_ours():
    ours = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgresql://app:secret@db/viseme",
        "SECRET_KEY": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "CUDA_VISIBLE_DEVICES": "0",
    }
    seen = clean_environment(ours)
    assert "secret" not in json.dumps(seen)
    assert {"PATH", "CUDA_VISIBLE_DEVICES", "HOME"} <= seen.keys()
