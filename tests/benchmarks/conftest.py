from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks import footage
from tests.inference.conftest import media_processes, one_thread, warm_media  # noqa: F401

SECONDS = Fraction(4, 5)


@pytest.fixture(scope="session")
def speaker(tmp_path_factory) -> Path:
    """A film of 0.8 seconds, just large enough for a face that is used."""
    return footage.film(tmp_path_factory.mktemp("footage") / "a.mp4", float(SECONDS), 320, 240)
