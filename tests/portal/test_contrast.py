"""The stylesheet's colors keep WCAG's AA contrast, by day and by night."""

import re
from pathlib import Path

import pytest

STYLESHEET = Path(__file__).parents[2] / "portal/static/portal/viseme.css"
TEXT, EDGE = 4.5, 3.0
PAIRS = [
    *[(ink, ground, TEXT) for ink in ("ink", "muted", "accent") for ground in ("paper", "surface")],
    ("muted", "sunken", TEXT),
    ("accent-ink", "accent", TEXT),
    ("accent-ink", "accent-strong", TEXT),
    ("frame-ink", "frame", TEXT),
    ("frame-muted", "frame", TEXT),
    ("frame-ink", "frame-active", TEXT),
    *[(state, f"{state}-soft", TEXT) for state in ("wait", "run", "good", "bad", "note")],
    *[("ink", f"{state}-soft", TEXT) for state in ("wait", "good", "bad", "note")],
    ("muted", "bad-soft", TEXT),
    ("bad", "surface", TEXT),
    ("edge", "surface", EDGE),
    ("edge", "paper", EDGE),
    ("accent", "sunken", EDGE),
]


def tokens(scheme: str) -> dict[str, str]:
    """The custom properties of a scheme; the dark one overrides some of the light one's."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLESHEET.read_text(), re.S)[:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    return found | dict(
        re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark if scheme == "dark" else "")
    )


def luminance(color: str) -> float:
    channels = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_the_colors_can_be_told_apart(scheme, ink, ground, least):
    colors = tokens(scheme)
    assert contrast(colors[ink], colors[ground]) >= least


def test_the_meter_knows_black_on_white():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
