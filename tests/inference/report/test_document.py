"""report.json as a whole: true to its schema, every figure in the docs, warnings where due."""

import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch

from inference.faces import album, scout
from inference.faces.face import REASONS
from inference.model.mask import draw_mask
from inference.picture.align import Aligner
from inference.pipeline import reporting
from inference.report import document
from inference.report.measures import Measures
from inference.report.schema import VERSION, schema

DOCS = Path(__file__).parents[3] / "docs/report.md"
R = 64
POINTS = np.array([[120, 90], [200, 95], [158, 140]], float)
TIMING = {
    "frame_seconds": 0.04,
    "video": {"start_seconds": 0.0, "end_seconds": 0.16, "packets": 4},
    "sound": {"start_seconds": 0.0, "end_seconds": 0.16, "packets": 8},
    "offset_start_seconds": 0.0,
    "offset_end_seconds": 0.0,
    "gap_end_seconds": 0.0,
}


def measures(size=0.5):
    measures = Measures(draw_mask(R))
    rng = np.random.default_rng(0)
    faces = rng.integers(80, 180, (3, R, R, 3), dtype=np.uint8)
    decoded = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1
    measures.window(0, decoded)
    for index, face in enumerate(faces):
        matrix = Aligner(R, smooth=False).matrix(POINTS * size)
        measures.patch(index, face, face, matrix)
        measures.frame(index, "synced", seconds=index / 25)
    return measures


def report(measured=None, **changes):
    values = {
        "source_frames": 4,
        "tracks": [{"index": 0, "box": [1, 2, 3, 4]}],
        "options": {"seed": 1247, "length": "audio"},
        "model": {"name": "tiny", "version": "1"},
        "network": "model",
        "stage_seconds": {"denoise": 1.23456, "paste": 0.1},
        "devices": {"denoise": "cuda:0"},
        "output": {"width": 64, "height": 48, "frame_rate": "25/1"},
        "timing": TIMING,
    }
    return document.make((measured or measures()).to_mapping(), **values | changes)


def codes(made):
    return [warning["code"] for warning in made["warnings"]]


def check(made):
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    validator.validate(made)


def test_a_good_run_s_report_follows_the_schema_and_warns_of_nothing(tmp_path):
    made = report()
    check(made)
    assert made["version"] == VERSION
    assert made["warnings"] == []
    assert made["stages"]["denoise"] == {"seconds": 1.235, "device": "cuda:0"}
    assert made["stages"]["paste"]["device"] == "cpu"
    document.write(tmp_path / "report.json", made)
    assert json.loads((tmp_path / "report.json").read_text()) == made


def test_a_run_that_synced_nothing_follows_the_schema_too():
    empty = Measures(draw_mask(R))
    empty.frame(0, "passed_through", "after_sound")
    made = report(empty, timing=TIMING | {"sound": None, "offset_start_seconds": None})
    check(made)
    assert made["sharpness"] is None


def bad_measures():
    bad = measures(size=4)
    bad.window(3, torch.full((1, 3, R, R), torch.nan))
    bad.frame(3, "bridged", "gap")
    bad.frame(4, "passed_through", "no_face")
    return bad


def test_a_bad_run_names_all_that_is_bad():
    made = report(
        bad_measures(),
        network="identity",
        timing=TIMING | {"offset_start_seconds": 0.05, "gap_end_seconds": -1.8},
        warnings=[document.note("rows_gained", "One row was added.")],
    )
    check(made)
    assert set(codes(made)) == {
        "no_model",
        "passed_through",
        "bridged",
        "window_failed",
        "sound_offset",
        "sound_length",
        "rows_gained",
    }


@pytest.mark.parametrize(
    ("figure", "value", "code", "words"),
    [
        ("sharpness", {"ratio": 0.2}, "soft_mouth", "20 % of the sharpness"),
        ("seam", {"added": 6.0}, "visible_seam", "a step of 6.0 levels"),
    ],
)
def test_a_bad_picture_is_warned_of(monkeypatch, figure, value, code, words):
    good = measures()
    mapping = good.to_mapping()
    mapping[figure] |= value
    monkeypatch.setattr(good, "to_mapping", lambda: mapping)
    told = report(good)
    assert codes(told) == [code]
    assert words in told["warnings"][0]["message"]


def test_who_gets_the_result_is_not_told_how_fast_the_machine_was():
    slow = document.note("slower_than_usual", "The network could not be captured.")
    soft = document.note("soft_mouth", "The mouth is soft.")
    made = report(warnings=[slow, soft])
    assert codes(made) == ["slower_than_usual", "soft_mouth"]
    assert document.for_customers(made) == ["The mouth is soft."]


def test_one_is_told_as_one():
    assert document.counted(1, "picture") == "1 picture"
    assert document.counted(0, "picture") == "0 pictures"


def test_a_length_of_its_own_is_no_reason_to_warn_of_a_gap():
    made = report(options={"seed": 1, "length": "video"}, timing=TIMING | {"gap_end_seconds": -1.8})
    assert codes(made) == []


def test_a_number_that_json_does_not_know_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        document.write(tmp_path / "report.json", report(model={"loss": float("nan")}))


def names(part):
    """Every key that the schema names, at any depth."""
    for name, below in part.get("properties", {}).items():
        yield name
        for inner in (below, below.get("items", {}), below.get("additionalProperties", {})):
            if isinstance(inner, dict):
                yield from names(inner)
        for choice in below.get("oneOf", []):
            yield from names(choice)


def test_every_figure_and_warning_is_defined_in_the_docs():
    text = DOCS.read_text("utf-8")
    missing = sorted({name for name in names(schema()) if f"`{name}`" not in text})
    assert not missing
    sources = "".join(
        Path(module.__file__).read_text("utf-8") for module in (document, reporting, album, scout)
    )
    codes = set(re.findall(r'(?:note|append\(\s*)\(\s*"([a-z_]+)"', sources))
    assert {"visible_seam", "size_gained", "several_people"} <= codes
    assert not sorted(code for code in codes if f"`{code}`" not in text)


def test_every_reason_why_a_frame_passes_through_is_in_the_docs():
    text = DOCS.read_text("utf-8")
    assert not [reason for reason in filter(None, REASONS) if f"`{reason}`" not in text]
