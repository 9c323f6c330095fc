"""The supervisor's side of a model's process, over a stub that speaks the same protocol."""

import pytest

from jobs.child import ModelChild


@pytest.fixture
def bundle(tmp_path, settings):
    folder = tmp_path / "bundle"
    folder.mkdir()
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    settings.MODEL_BUNDLE = folder
    settings.JOBS_PER_CHILD = 50
    return folder


@pytest.fixture
def child(bundle):
    child = ModelChild()
    yield child
    child.stop()


@pytest.fixture
def request_of(tmp_path):
    video = tmp_path / "v.mp4"
    video.write_bytes(b"a video, as far as the stub knows")
    return {
        "video": str(video),
        "audio": str(video),
        "out": str(tmp_path / "out.mp4"),
        "workdir": str(tmp_path),
        "options": {},
    }
