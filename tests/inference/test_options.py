import json
import subprocess
import sys

import pytest

from inference.errors import BadOption
from inference.options import SyncOptions
from inference.speakers import Point, Turn


def test_the_defaults_are_latentsync_s_and_nothing_is_forced_on_the_source():
    assert SyncOptions().to_mapping() == {
        "steps": 20,
        "guidance": 1.5,
        "seed": 1247,
        "device": "auto",
        "length": "audio",
        "silence": "model",
        "face": None,
        "face_box": None,
        "frame_rate": None,
        "color_match": True,
        "speed": "exact",
        "codec": None,
        "quality": None,
        "exact_size": False,
    }


@pytest.mark.parametrize(
    "options",
    [
        SyncOptions(steps=30, guidance=2.0, seed=5),
        SyncOptions(length="video", silence="keep", frame_rate=25, color_match=False),
        SyncOptions(speed="fast", steps=8, codec="hevc", quality=10, exact_size=True),
        SyncOptions(face=2),
        SyncOptions(face_box=(10, 20, 100, 120)),
        SyncOptions(face=Point(10, 20.5, 1.25)),
        SyncOptions(face=Point(999999, 0.000001, 100000.5)),
        SyncOptions(face=(Turn(0, 0.0, 2.5), Turn(Point(1, 2, 3), 2.5, None, "b.wav"))),
    ],
)
def test_options_survive_json(options):
    told = json.loads(json.dumps(options.to_mapping()))
    assert SyncOptions.from_mapping(told).check() == options


def test_a_face_may_be_written_as_users_write_it():
    assert SyncOptions(face="320,180@2.5").face == Point(320, 180, 2.5)
    assert SyncOptions(face="1").face == 1
    assert Turn("10,20@0").track == Point(10, 20, 0)
    turns = [{"track": "10,20@0", "to": 3, "sound": "a.wav"}, {"track": 1, "from": 3}]
    assert SyncOptions(face=turns).face == (
        Turn("10,20@0", 0.0, 3.0, "a.wav"),
        Turn(1, 3.0),
    )


@pytest.mark.parametrize(
    "given",
    [
        {"steps": 20},
        {"steps": 50},
        {"guidance": 1},
        {"guidance": 3.0},
        {"steps": 4, "speed": "fast"},
        {"quality": 0},
        {"quality": 51},
        {"face": 0},
        {"frame_rate": 25},
        {"frame_rate": None},
    ],
)
def test_the_ends_of_the_ranges_are_allowed(given):
    SyncOptions.from_mapping(given).check()


@pytest.mark.parametrize(
    "given",
    [
        {"steps": 19},
        {"steps": 51},
        {"steps": 3, "speed": "fast"},
        {"guidance": 0.9},
        {"guidance": 3.1},
        {"guidance": float("nan")},
        {"seed": -1},
        {"seed": 2**63},
        {"length": "sound"},
        {"silence": "skip"},
        {"speed": "turbo"},
        {"codec": "av1"},
        {"quality": 52},
        {"frame_rate": 30},
        {"face_box": [0, 0, 0, 50]},
        {"face": 1, "face_box": [0, 0, 50, 50]},
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(given):
    with pytest.raises(BadOption, match=next(iter(given))):
        SyncOptions.from_mapping(given).check()


@pytest.mark.parametrize(
    "given",
    [
        {"steps": "20"},
        {"steps": True},
        {"steps": None},
        {"stepz": 20},
        {"network": "identity"},
        {"device": 1},
        {"color_match": 1},
        {"exact_size": "yes"},
        {"face": -1},
        {"face": True},
        {"face": 1.5},
        {"face": "left one"},
        {"face": "10,20"},
        {"face": "9" * 5000},
        {"face": f"{'9' * 400},1@1"},
        {"face": []},
        {"face": ["0"]},
        {"face": [{"from": 1}]},
        {"face": [{"track": 0, "until": 1}]},
        {"face": [{"track": 0, "from": -1}]},
        {"face": [{"track": 0, "from": 2, "to": 2}]},
        {"face": [{"track": 0, "to": float("nan")}]},
        {"face": [{"track": 0, "sound": 5}]},
        {"face_box": [1, 2, 3]},
        {"face_box": [1, 2, 3, 4.5]},
        {"face_box": "1,2,3,4"},
    ],
)
def test_a_wrong_type_or_name_is_refused_by_name(given):
    name = next(iter(given))
    with pytest.raises(BadOption, match="face" if name == "face" else name):
        SyncOptions.from_mapping(given)


def test_options_need_no_network_library():
    program = "import sys, inference.options; assert not {'torch', 'cv2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=240)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"step": 20}, "Did you mean steps?"),
        ({"color_macth": True}, "Did you mean color_match?"),
        ({"wibble": 1}, "There are codec, color_match, "),
        ({"steps": 5}, "Without steps it is 20."),
        ({"guidance": 9}, "Without guidance it is 1.5."),
        ({"seed": "x"}, "Without seed it is 1247."),
        ({"length": "vidoe"}, "Did you mean video?"),
        ({"length": "xyz"}, 'Without length it is "audio".'),
        ({"codec": "vp9"}, "Without codec the engine decides by the video."),
        ({"face": 0, "face_box": [0, 0, 60, 60]}, "Leave one of them out"),
    ],
)
def test_a_wrong_option_says_what_would_be_right(given, hint):
    with pytest.raises(BadOption) as told:
        SyncOptions.from_mapping(given).check()
    assert told.value.hint.startswith(hint)
