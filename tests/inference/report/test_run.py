"""The report of whole runs, with stand-ins for the network: true to its schema, and to the film."""

from fractions import Fraction

import jsonschema
import pytest

from inference.model.stand_ins import StandIn
from inference.options import SyncOptions
from inference.pipeline.lipsync import sync
from inference.report.schema import schema
from tests.inference import clips

GAP = range(8, 16)


@pytest.fixture
def report(tmp_path):
    """report(network, **options): of 20 frames, eight of them without a face."""
    video = clips.film(tmp_path / "a.mp4", clips.faces(20, gap=GAP), rate=25)
    voice = clips.sound(tmp_path / "voice.wav", 0.8)

    def report(network, **options):
        model = StandIn(network, resolution=64)
        result = sync(
            video,
            voice,
            tmp_path / "out.mp4",
            model=model,
            options=SyncOptions(device="cpu", **options),
            workdir=tmp_path,
        )
        jsonschema.validate(result.report, schema())
        return result.report

    return report


def codes(told):
    return {warning["code"] for warning in told["warnings"]}


def test_a_network_that_changes_nothing_has_figures_that_say_so(report):
    told = report("identity")
    frames = told["frames"]
    assert (frames["source"], frames["count"], frames["passed_through"]) == (20, 20, len(GAP))
    (gap,) = frames["ranges"]
    assert (gap["reason"], gap["first"], gap["last"]) == ("no_face", GAP[0], GAP[-1])
    assert gap["from_seconds"] == pytest.approx(float(Fraction(GAP[0], 25)))
    assert told["windows"]["count"] >= 1
    assert told["windows"]["findings"] == []
    assert told["sharpness"]["ratio"] == pytest.approx(1, abs=0.02)
    assert told["seam"]["added"] < 0.1
    assert told["flicker"]["ratio"] == pytest.approx(told["flicker"]["source_ratio"], rel=0.1)
    assert abs(told["timing"]["offset_start_seconds"]) < 0.001
    assert abs(told["timing"]["offset_end_seconds"]) < 0.001
    assert told["timing"]["video"]["packets"] == 20
    assert codes(told) == {"no_model", "passed_through", "large_face"}


def test_a_bright_mouth_is_seen_in_the_report_only_where_nothing_matches_it(report):
    matched, plain = report("offset"), report("offset", color_match=False)
    assert matched["seam"]["added"] < 0.3
    assert "visible_seam" not in codes(matched)
    assert plain["seam"]["added"] > 4
    assert "visible_seam" in codes(plain)
    assert plain["options"]["color_match"] is False
