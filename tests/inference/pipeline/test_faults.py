"""What goes wrong in one stage ends the whole run at once, with that error and nothing left."""

import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from inference import errors
from inference.media.segment import SegmentWriter
from inference.media.source import Frames
from inference.model.latentsync import LatentSync
from inference.model.stand_ins import StandIn
from inference.picture.align import Aligner
from inference.picture.blend import Blender
from inference.pipeline import filming, painter, scouting, stages, windows
from inference.pipeline.lipsync import sync
from tests.inference import clips, models
from tests.inference.runs import PLAIN, SIZE


class Boom(errors.EngineFault):
    pass


def breaks(*_, **__):
    raise Boom("It broke.")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    return (
        clips.film(folder / "a.mp4", clips.faces(100, *SIZE)),
        clips.sound(folder / "a.wav", 4.0),
    )


@pytest.fixture
def run(pair, tmp_path):
    def run(network=None, **more):
        network = network or StandIn("identity", 64)
        files = *pair, tmp_path / "out.mp4"
        return sync(*files, model=network, workdir=tmp_path, **{"options": PLAIN} | more)

    before = set(threading.enumerate())  # one that an earlier test left may end meanwhile
    yield run
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(
    ("whose", "name"),
    [
        (Frames, "__iter__"),
        (Aligner, "warp_picture"),
        (scouting.Watched, "find_all"),
        (StandIn, "paint"),
        (Blender, "lay"),
        (SegmentWriter, "write"),
        (filming.Filming, "_close"),
    ],
)
def test_an_error_in_any_stage_is_the_runs(run, tmp_path, monkeypatch, whose, name):
    monkeypatch.setattr(whose, name, breaks)
    with pytest.raises(errors.EngineFault, match="broke"):
        run()
    assert not list(tmp_path.iterdir())


def test_a_source_of_frames_that_ends_early_is_no_result(run, tmp_path, monkeypatch):
    whole = Frames.__iter__

    def quarter(self):
        for frame, _ in zip(whole(self), range(25), strict=False):
            yield frame

    monkeypatch.setattr(Frames, "__iter__", quarter)
    with pytest.raises(errors.EngineFault, match=r"lasts 1\.000 seconds; the sound lasts 4\.000"):
        run()
    assert not list(tmp_path.iterdir())


def test_a_cancel_is_heard_while_nothing_is_painted(run, tmp_path, monkeypatch):
    """The network waits for faces, and those for a finder that never answers."""
    looking, canceled = threading.Event(), threading.Event()

    def find_all(self, frame):
        looking.set()
        canceled.wait(60)
        return []

    def should_cancel():
        if looking.is_set():
            canceled.set()
        return canceled.is_set()

    monkeypatch.setattr(scouting.Watched, "find_all", find_all)
    with pytest.raises(errors.Canceled):
        run(should_cancel=should_cancel)
    assert not list(tmp_path.iterdir())


def test_stages_work_while_the_network_does(run, monkeypatch):
    """Each of these waits would never end if one stage waited for another to be done. Whose mouth
    is painted is said: until it is decided, what is painted is held back."""
    cut, written = threading.Event(), threading.Event()
    cuts, writes, paints = windows.Cutter._cut, SegmentWriter.write, StandIn.paint

    def cut_(self, shots):
        window = cuts(self, shots)
        if window.first == 16:
            cut.set()
        return window

    def write(self, frame):
        writes(self, frame)
        written.set()

    def paint(self, request, watch, *, precise=False):
        if request.places[0] == 0:
            assert cut.wait(60), "the next window is cut out while this one is painted"
        if request.places[0] == 32:
            assert written.wait(60), "the first frames are written while later ones are painted"
        return paints(self, request, watch, precise=precise)

    monkeypatch.setattr(windows.Cutter, "_cut", cut_)
    monkeypatch.setattr(SegmentWriter, "write", write)
    monkeypatch.setattr(StandIn, "paint", paint)
    assert run(options=replace(PLAIN, face=0)).frames == 100


def test_frames_under_way_are_bounded_whatever_their_size():
    class Sized:
        def __init__(self, width, height, bits=8):
            from inference.media.pictures import LAYOUTS

            self.width, self.height = width, height
            self.layout = LAYOUTS["yuv420p" if bits == 8 else "yuv420p10le"]

    assert stages.frames_under_way(Sized(192, 144)) == stages.MOST_FRAMES
    assert stages.frames_under_way(Sized(3840, 2160, 10)) == stages.LEAST_FRAMES
    # Fewer than a window would never fill one.
    assert stages.LEAST_FRAMES >= 2 * windows.WINDOW_FRAMES


def test_the_second_try_runs_a_half_precision_model_in_single():
    model = models.model()
    half = {"dtype": torch.float16, "unet": model.unet.half(), "vae": model.vae.half()}
    network = LatentSync(type(model)(**{**vars(model), **half}))
    before = {name: each.clone() for name, each in network.model.unet.state_dict().items()}
    assert network.has_spare
    seen = []

    @contextmanager
    def watch(stage):
        seen.append((stage, network.model.unet.conv_in.weight.dtype, network.model.vae.dtype))
        yield

    request = painter.Request(
        faces=torch.zeros(2, 64, 64, 3, dtype=torch.uint8).numpy(),
        places=[0, 1],
        heard=torch.zeros(2, 20, 16),
        options=PLAIN.__class__(steps=1, guidance=1.0),
    )
    faces = network.paint(request, watch, precise=True)
    assert faces.shape == (2, 3, 64, 64)
    assert all(row[1:] == (torch.float32, torch.float32) for row in seen)
    after = network.model.unet.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert network.model.unet.conv_in.weight.dtype is torch.float16


def test_a_single_precision_model_has_nothing_better_to_try():
    assert not LatentSync(models.model()).has_spare
