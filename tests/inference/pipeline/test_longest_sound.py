"""How long a result may be is asked of the decoded sound: a header may lie."""

import io
from fractions import Fraction

import pytest

from inference import child
from inference.errors import BadOption, MediaTooLarge
from inference.model.stand_ins import StandIn
from inference.options import SyncOptions
from inference.pipeline import hearing
from inference.pipeline import lipsync as pipeline
from tests.inference import clips

SECONDS = Fraction(32, 25)


@pytest.fixture
def pair(tmp_path):
    film = clips.film(tmp_path / "film.mp4", clips.faces(8))
    return film, clips.sound(tmp_path / "voice.wav", float(SECONDS))


@pytest.fixture
def run(pair, tmp_path):
    """Run the pair with what is told, the network and all after it replaced."""

    def run(**told):
        return pipeline.sync(
            *pair,
            tmp_path / "out.mp4",
            model=StandIn("identity", 64),
            options=SyncOptions(face_box=(8, 8, 40, 50)),
            workdir=tmp_path,
            **told,
        )

    return run


def test_a_sound_that_lasts_longer_is_refused_before_the_network_hears_it(run, monkeypatch):
    monkeypatch.setattr(hearing, "hear", lambda *_: pytest.fail("the network heard it"))
    monkeypatch.setattr(pipeline, "open_frames", lambda *_, **__: pytest.fail("frames were read"))
    with pytest.raises(MediaTooLarge, match="1 s are allowed"):
        run(most_seconds=1)


def test_a_sound_within_the_limit_is_not(run, monkeypatch):
    monkeypatch.setattr(pipeline, "open_frames", went_on)
    with pytest.raises(WentOn):
        run(most_seconds=2)


class WentOn(Exception):
    pass


def went_on(*_, **__):
    raise WentOn


@pytest.fixture
def told(monkeypatch):
    """What the model's process tells the pipeline of an order."""

    def told(**changes):
        heard = {}

        class Result:
            def to_mapping(self):
                return {}

        monkeypatch.setattr(pipeline, "sync", lambda *_, **named: heard.update(named) or Result())
        paths = dict.fromkeys(("video", "audio", "out", "workdir"), "/nowhere")
        child.Child(io.StringIO(), io.StringIO())._sync(
            None, {"op": "sync", "id": "one", **paths, **changes}
        )
        return heard["most_seconds"]

    return told


def test_the_limit_of_an_order_reaches_the_pipeline(told):
    assert told(most_seconds=1800) == 1800
    assert told() is None


@pytest.mark.parametrize("senseless", [0, -5, 1.5, "60", True])
def test_a_limit_that_is_none_is_a_wrong_order(told, senseless):
    with pytest.raises(BadOption, match="most_seconds"):
        told(most_seconds=senseless)
