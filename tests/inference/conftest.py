from collections.abc import Iterator

import pytest
import torch

from inference.media import process
from inference.media.segment import SegmentWriter
from inference.pipeline import filming
from tests.inference.warm_media import WarmMedia

# What they test is the media process: how it starts, what it may do, how it dies.
REAL_MEDIA_PROCESS = {"media/test_sandbox", "media/test_memory"}


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small lose more by waking other threads than they gain; beside other work on
    the machine the threads of one test wait for each other twenty times as long as they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def warm_media() -> Iterator[WarmMedia]:
    warm = WarmMedia()
    yield warm
    warm.close()


@pytest.fixture(scope="module", autouse=True)
def media_processes(request: pytest.FixtureRequest, warm_media: WarmMedia) -> Iterator[None]:
    """Media processes are forked from one that is warm, but for files that test them."""
    with pytest.MonkeyPatch.context() as patch:
        if f"{request.path.parent.name}/{request.path.stem}" not in REAL_MEDIA_PROCESS:
            patch.setattr(process, "subprocess", warm_media)
        yield


@pytest.fixture
def written(monkeypatch):
    """The planes as they were handed to the encoder, in order."""
    pictures = []

    class Recorder(SegmentWriter):
        def write(self, frame):
            pictures.append([plane.copy() for plane in frame.picture.planes])
            super().write(frame)

    monkeypatch.setattr(filming, "SegmentWriter", Recorder)
    return pictures
