import pytest

from inference.media.segment import SegmentWriter
from inference.pipeline import filming


@pytest.fixture
def written_at(monkeypatch):
    """The first plane of each picture as it was handed to the encoder, by its time."""
    pictures = {}

    class Recorder(SegmentWriter):
        def write(self, frame):
            pictures[frame.time] = frame.picture.planes[0].copy()
            super().write(frame)

    monkeypatch.setattr(filming, "SegmentWriter", Recorder)
    return pictures
