import pytest

from inference.errors import BadOption
from inference.options import SyncOptions


def test_the_defaults_are_latentsync_s():
    assert SyncOptions().to_mapping() == {
        "steps": 20,
        "guidance": 1.5,
        "seed": 1247,
        "device": "auto",
    }


def test_options_survive_a_mapping():
    options = SyncOptions(steps=30, guidance=2.0, seed=5)
    assert SyncOptions.from_mapping(options.to_mapping()) == options


@pytest.mark.parametrize(
    "given", [{"steps": 20}, {"steps": 50}, {"guidance": 1}, {"guidance": 3.0}]
)
def test_the_ends_of_the_ranges_are_allowed(given):
    SyncOptions.from_mapping(given).check()


@pytest.mark.parametrize(
    "given",
    [
        {"steps": 19},
        {"steps": 51},
        {"guidance": 0.9},
        {"guidance": 3.1},
        {"guidance": float("nan")},
        {"seed": -1},
        {"seed": 2**63},
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(given):
    with pytest.raises(BadOption, match=next(iter(given))):
        SyncOptions.from_mapping(given).check()


@pytest.mark.parametrize("given", [{"steps": "20"}, {"steps": True}, {"stepz": 20}, {"device": 1}])
def test_a_wrong_type_or_name_is_refused_by_name(given):
    with pytest.raises(BadOption, match=next(iter(given))):
        SyncOptions.from_mapping(given)
