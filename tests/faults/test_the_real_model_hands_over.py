"""A worker that must go in the middle of a real video: the next one goes on, and nobody sees where.

About a dozen windows of the demo model, a few minutes: at five frames a second a piece of ten
seconds has three windows only.
"""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from jobs import storage, submission
from jobs.models import Job, Segment
from tenants.context import acting_for, as_operator
from tests.faults import promise
from tests.faults.conftest import Submitted, accepted, receive_files
from tests.faults.processes import until

pytestmark = [
    pytest.mark.long,
    pytest.mark.faults,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(1800),
]
RATE, SECONDS = 5, 25
OPTIONS = {"steps": 20, "guidance": 1.0, "seed": 11}  # without guidance a window costs half


@pytest.fixture
def files(settings, tmp_path) -> tuple[bytes, bytes]:
    """The sample's face, five times a second, and its voice again and again."""
    video, audio = tmp_path / "face.mp4", tmp_path / "voice.wav"
    slowed(settings.SAMPLE_DIR / "face.mp4", video)
    repeated(settings.SAMPLE_DIR / "voice.wav", audio)
    return video.read_bytes(), audio.read_bytes()


@pytest.fixture
def submit(tenant, files):
    def submit() -> Submitted:
        video_id, audio_id = receive_files(tenant, *files)
        with acting_for(tenant.id):
            job, _ = submission.submit(
                video_id=video_id, audio_id=audio_id, options=OPTIONS, submitted_by="a test"
            )
        return accepted(tenant, job.id)

    return submit


def test_a_resumed_result_equals_an_uninterrupted_one_frame_by_frame(house, submit, settings):
    bundle = str(settings.MODEL_BUNDLE)
    real = {"MODEL_CHILD_MODULE": "inference.child", "MODEL_BUNDLE": bundle}
    house.start_queues()
    house.start("dispatcher")
    worker = house.start("gpu-worker", **real)
    job = submit()
    until(lambda: confined(bundle), "a confined process reads the video", seconds=300)
    first = until(lambda: pieces_of(job), "a piece is recorded", seconds=600)
    assert worker.terminate(seconds=120) == 0
    assert (job.state, are_kept(job, first)) == ("queued", True)

    seen: dict[int, object] = {}
    house.start("gpu-worker", **real)
    until(lambda: seen.update(pieces_of(job)) or job.has_ended(), "the job ends", seconds=900)
    assert (job.state, job.error_code, job.attempts) == ("succeeded", "", 2)
    assert promise.broken(job.id) == []
    assert {number: seen[number] for number in first} == first  # none of them was made anew
    assert len(set(seen.values())) == 2

    whole = submit()
    until(whole.has_ended, "the uninterrupted one ends", seconds=900)
    assert (whole.state, whole.attempts) == ("succeeded", 1)
    for kind in ("video", "audio"):
        made, wanted = decoded(job, kind), decoded(whole, kind)
        assert len(made) == len(wanted) > 0
        pairs = enumerate(zip(made, wanted, strict=True))
        assert [number for number, pair in pairs if not np.array_equal(*pair)] == []
    assert len(decoded(job, "video")) >= RATE * SECONDS


def pieces_of(job: Submitted) -> dict[int, object]:
    """The attempt that made each piece, by the piece's number; nothing after the job's end."""
    with as_operator("look at a test's pieces"):
        return dict(Segment.objects.filter(job=job.id).values_list("number", "attempt_id"))


def are_kept(job: Submitted, first: dict[int, object]) -> bool:
    """Whether those that were recorded are still, with their two files in the storage."""
    with as_operator("look at a test's pieces"):
        rows = {row.number: row for row in Segment.objects.filter(job=job.id)}
    shelf = storage.outputs()
    files = [key for row in rows.values() for key in (row.key, row.record_key)]
    return first.keys() <= rows.keys() and all(map(shelf.exists, files))


def confined(bundle: str) -> list[int]:
    """Children of this bundle's model processes under a system call filter, without a secret."""
    found = []
    for path in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # it ended meanwhile
            lines = path.read_text().splitlines()
            told = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            parent = Path("/proc", told["PPid"])
            if bundle in (parent / "cmdline").read_text() and told["Seccomp"] == "2":
                environment = (path.parent / "environ").read_text()
                assert "DATABASE_URL" not in environment and "SQS_" not in environment
                found.append(int(path.parent.name))
    return found


def decoded(job: Submitted, kind: str) -> list[np.ndarray]:
    with as_operator("look at a test's result"):
        key = Job.objects.get(id=job.id).result_key
    with storage.outputs().open(key) as file, av.open(file) as film:
        return [frame.to_ndarray() for frame in film.decode(**{kind: 0})]


def slowed(source: Path, target: Path) -> None:
    with av.open(str(source)) as film, av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number, frame in enumerate(film.decode(video=0)):
            if number % 5 == 0:
                small = frame.reformat(width=320, height=240, format="yuv420p")
                small.pts, small.time_base = number // 5, Fraction(1, RATE)
                out.mux(stream.encode(small))
        out.mux(stream.encode(None))


def repeated(source: Path, target: Path) -> None:
    with av.open(str(source)) as voice:
        blocks = [frame.to_ndarray() for frame in voice.decode(audio=0)]
        rate = voice.streams.audio[0].rate
    samples = np.resize(np.concatenate(blocks, axis=1), (1, rate * SECONDS))
    with av.open(str(target), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.astype(np.int16), "s16", "mono")
        frame.sample_rate = rate
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
