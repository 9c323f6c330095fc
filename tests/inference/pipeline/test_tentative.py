"""Who leads is painted before the decision falls; no result may hang on that."""

import threading
from dataclasses import replace

import pytest

from inference.errors import Canceled, EngineFault
from inference.faces import plan as planning
from inference.faces import scout as looking
from inference.faces.choice import Chooser
from inference.faces.scout import Scout
from inference.pipeline import scouting
from inference.pipeline.lipsync import sync
from tests.inference import clips
from tests.inference.people import At, Scripted, picture, scout
from tests.inference.runs import PLAIN, Patchy, Tinted

FIRST, LARGER = At(x=48, size=42), At(x=144, size=62)
FRAMES, ALONE, SEEN = 120, 40, 70
# The first person is alone for a while; who comes then is larger, and the most prominent.
OVERTAKEN = [{0: FIRST}] * ALONE + [{0: FIRST, 1: LARGER}] * (FRAMES - ALONE)
AHEAD = [{0: LARGER}] * ALONE + [{0: LARGER, 1: FIRST}] * (FRAMES - ALONE)
SOON = 60  # seconds; only a test that fails waits for so long


class Held(Scripted):
    """Looks no further than SEEN frames before `go` is set."""

    def __init__(self, script, go):
        super().__init__([[at.face() for at in who.values()] for who in script])
        self.go = go

    def find_all(self, frame):
        if self.asked == SEEN:
            assert self.go.wait(SOON)
        return super().find_all(frame)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for name, script in (("overtaken", OVERTAKEN), ("ahead", AHEAD)):
        clips.film(folder / f"{name}.mp4", map(picture, script))
    clips.sound(folder / "voice.wav", FRAMES / 25)
    return folder


@pytest.fixture
def run(films, tmp_path, monkeypatch):
    def run(script, network, *, guesses=True, go=None, **more):
        """go: set when the search may go on after SEEN frames; set already if not given."""
        if go is None:
            (go := threading.Event()).set()
        monkeypatch.setattr(scouting, "make_finder", lambda *_, **__: Held(script, go))
        monkeypatch.setattr(
            scouting, "Scout", lambda *given, **named: Scout(*given, **named | {"guesses": guesses})
        )
        film = "overtaken" if script is OVERTAKEN else "ahead"
        return sync(
            films / f"{film}.mp4",
            films / "voice.wav",
            tmp_path / "out.mp4",
            model=network,
            options=replace(PLAIN, seed=3),
            workdir=tmp_path,
            **more,
        )

    return run


class Telling(Tinted):
    """Sets `go` when it has painted a window that begins from `at` on."""

    go: threading.Event
    at = 0

    def paint(self, request, watch, *, precise=False):
        faces = super().paint(request, watch, precise=precise)
        if request.places[0] >= self.at:
            self.go.set()
        return faces


@pytest.fixture
def telling():
    network = Telling()
    network.go = threading.Event()
    return network


@pytest.mark.parametrize(("at", "twice"), [(0, ()), (32, range(ALONE, 48))])
def test_a_result_does_not_hang_on_who_led_at_first(run, telling, at, twice):
    telling.at = at
    early = run(OVERTAKEN, telling, go=telling.go)
    assert min(telling.places) < ALONE  # it was painted for who led: nobody else is there
    assert all(telling.places.count(place) == 2 for place in twice)
    late = run(OVERTAKEN, Tinted(), guesses=False)
    assert early.sha256 == late.sha256
    assert early.passed_through == [(0, ALONE - 1)]
    for figure in ("frames", "windows", "sharpness", "seam", "flicker"):
        assert early.report[figure] == late.report[figure]


def test_the_network_works_before_it_is_decided_and_nothing_is_painted_twice(run, telling):
    result = run(AHEAD, telling, go=telling.go)
    assert telling.places == list(range(FRAMES))
    assert (result.frames, result.passed_through) == (FRAMES, [])


def test_what_breaks_on_the_wrong_face_ends_nothing(run):
    broken = Patchy(at=0, has_spare=False)
    go = threading.Event()

    def paint(request, watch, *, precise=False):
        go.set()
        return Patchy.paint(broken, request, watch, precise=precise)

    broken.paint = paint
    result = run(OVERTAKEN, broken, go=go)
    assert (0, False) in broken.tries
    assert result.report["windows"]["not_finite"] == 0
    assert result.passed_through == [(0, ALONE - 1)]


def test_what_breaks_on_the_right_face_ends_the_run(run):
    with pytest.raises(EngineFault, match="no picture"):
        run(AHEAD, Patchy(at=0, has_spare=False))


def test_a_cancel_is_heard_while_the_decision_is_waited_for(run):
    go, network, asked = threading.Event(), Tinted(), []

    def should_cancel():
        asked.append(len(network.places))
        stands = len(asked) > 20 and 0 < asked[-20] == asked[-1]  # no more can be held back
        if stands:
            go.set()
        return stands

    with pytest.raises(Canceled):
        run(AHEAD, network, go=go, should_cancel=should_cancel)
    assert max(network.places) < FRAMES - 1


def test_the_search_goes_on_to_the_decision_however_far_ahead_it_is(monkeypatch):
    monkeypatch.setattr(looking, "AHEAD_FRAMES", 5)
    monkeypatch.setattr(planning, "PATIENCE_SECONDS", SOON)
    with scout([{0: FIRST}] * 40, rate=2, guesses=True) as running:
        assert running.plan.at(0)
        running.plan.wait_until_firm(lambda: None)
        assert running.finder.asked >= 21  # ten seconds


def test_nobody_is_guessed_who_may_be_somebody_else_or_nobody():
    chooser = Chooser()
    chooser.guess()
    assert not chooser.guessing
    chooser.observe(0.0, 0.04, [(-1, FIRST.face(), True)])
    chooser.guess()
    assert not chooser.guessing
    chooser.observe(0.04, 0.04, [(-1, FIRST.face(), True), (0, LARGER.face(), True)])
    chooser.guess()
    assert chooser.guessing and chooser.guessed == 0
    chooser.observe(0.08, 8.0, [(-1, FIRST.face(), True)])
    chooser.rename(-1, 1)
    chooser.finish()
    assert chooser.firm and chooser.misled
