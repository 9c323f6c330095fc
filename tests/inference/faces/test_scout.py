"""The scout's thread: it looks once at each source frame, keeps its distance, ends when told."""

import threading
from pathlib import Path

import numpy as np
import pytest

from inference.errors import Canceled, EngineFault, UnsupportedMedia
from inference.faces import make_finder
from inference.faces import scout as scouting
from inference.faces.appearance import Small, describe
from inference.faces.scout import Scout
from inference.picture.align import Aligner
from tests.inference import clips
from tests.inference.people import NOWHERE, At, Scripted, picture, scout

STILL = {0: At()}


def test_a_film_that_is_shown_again_and_backwards_is_scouted_once():
    """Longer sound over a short film: every frame is asked for many times, found once."""
    with scout([STILL] * 12) as running:
        shown = [*range(12), *range(10, 0, -1), *range(12)]
        assert all(running.plan.at(number) for number in shown)
        assert running.finder.asked == 12


def test_a_file_is_scouted_in_its_own_order(tmp_path):
    film = clips.film(tmp_path / "face.mp4", clips.faces(12, 240, 180, gap=(4, 5, 6)))
    with Scout(film, make_finder("builtin"), None, Aligner(64)) as running:
        running.plan.wait_for_end()
        painted = [number for number in range(12) if running.plan.at(number)]
        assert painted == [0, 1, 2, 3, 7, 8, 9, 10, 11]
        assert running.plan.reason(5) == "no_face"
        assert running.plan.log.times[11] == pytest.approx(11 / 25)
        (track,) = running.faces_json()["tracks"]
        assert (track["from"], track["to"], track["frames"]) == (0.0, 0.44, 9)


def test_what_is_wrong_with_the_file_is_raised_where_the_painter_asks(tmp_path):
    text = tmp_path / "film.mp4"
    text.write_text("no film at all")
    with (
        Scout(text, make_finder("builtin"), None, Aligner(64)) as running,
        pytest.raises(UnsupportedMedia),
    ):
        running.plan.at(0)


def test_what_breaks_in_the_finder_is_raised_where_the_painter_asks():
    with scout([STILL] * 5, found=[[]]) as running, pytest.raises(EngineFault, match="broke"):
        running.plan.at(4)


def test_it_goes_no_further_ahead_than_it_has_to(monkeypatch):
    monkeypatch.setattr(scouting, "AHEAD_FRAMES", 40)
    begun = threading.Event()
    script = [STILL] * 1000

    class Watched(Scripted):
        def find_all(self, frame):
            if self.asked == 40:
                begun.set()
            return super().find_all(frame)

    finder = Watched([[STILL[0].face()]] * len(script))
    footage = ((number, number / 2, FRAME) for number in range(len(script)))
    with Scout(NOWHERE, finder, 0, Aligner(64), footage=footage) as running:
        running.plan.at(0)
        assert begun.wait(60)
        running.plan.at(20)
        assert finder.asked <= 20 + 40 + 2
        running.plan.at(500)
        assert finder.asked > 500


def test_the_most_prominent_is_not_known_before_ten_seconds_or_the_end(monkeypatch):
    monkeypatch.setattr(scouting, "AHEAD_FRAMES", 5)
    with scout([STILL] * 40, rate=2) as running:
        running.plan.at(0)
        assert running.finder.asked >= 21  # 10 seconds at 2 a second, and the frame after


def test_frames_with_nobody_in_them_wait_for_no_choice(monkeypatch):
    monkeypatch.setattr(scouting, "AHEAD_FRAMES", 5)
    with scout([{}] * 60 + [STILL] * 40, rate=2) as running:
        assert running.plan.at(30) == []
        assert running.finder.asked < 60
        assert running.plan.at(70)


FRAME = picture(STILL)


def test_a_question_that_waits_ends_when_the_job_is_canceled():
    held = threading.Event()

    def footage():
        yield 0, 0.0, FRAME
        held.wait(60)

    canceled = threading.Event()
    finder = Scripted([[STILL[0].face()]])
    running = Scout(
        NOWHERE, finder, None, Aligner(64), footage=footage(), should_cancel=canceled.is_set
    )
    with running:
        threading.Timer(0.1, canceled.set).start()
        with pytest.raises(Canceled):
            running.plan.at(0)
        held.set()


def test_closing_ends_it_at_once_and_whoever_waits_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(scouting, "CLOSING_SECONDS", 60)
    film = clips.film(tmp_path / "face.mp4", clips.faces(40, 160, 120))
    running = Scout(film, make_finder("builtin"), None, Aligner(64)).start()
    raised = []

    def ask():
        try:
            running.plan.at(39)
        except Canceled as error:
            raised.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    running.close()
    asking.join(60)
    assert not asking.is_alive() and not running._thread.is_alive()
    assert raised or running.plan.log.finished


@pytest.mark.parametrize("shape", [(96, 128), (1080, 1920), (2160, 3840)])
def test_a_face_is_looked_at_alike_in_frames_of_any_size(shape):
    """The pictures that faces are compared by do not depend on how large the frame is."""
    height, width = shape
    at = At(x=width * 0.4, y=height * 0.4, size=height * 0.4)
    reference = At(x=128, y=115, size=115)
    frame = picture({0: at}, np.full((height, width, 3), 90, np.uint8))
    other = picture({0: reference}, np.full((288, 384, 3), 90, np.uint8))
    one = describe(Small.of(frame), at.points())
    assert float(one @ describe(Small.of(other), reference.points())) > 0.93


def test_a_missing_file_is_named_at_once():
    running = Scout(Path("absent.mp4"), make_finder("builtin"), None, Aligner(64))
    with running, pytest.raises(UnsupportedMedia, match=r"absent\.mp4"):
        running.plan.at(0)
