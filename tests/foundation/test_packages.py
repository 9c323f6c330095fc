"""What was installed is what was meant."""

import re
from importlib.metadata import distributions, version
from pathlib import Path

import av
import cv2
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from portal.environment import ROOT

SAFE_FFMPEG = (8, 1, 2)  # older ones have known holes
# The library versions that FFmpeg 8.1.2 carries; later releases only count up.
SAFE_AVCODEC = (62, 28, 102)


def test_exactly_one_distribution_brings_cv2():
    bringers = {
        distribution.metadata["Name"]
        for distribution in distributions()
        if any(file.parts[0] == "cv2" for file in distribution.files or ())
    }
    assert bringers == {"opencv-python-headless"}


def test_the_ffmpeg_in_pyav_has_no_known_holes():
    assert numbers(av.ffmpeg_version_info) >= SAFE_FFMPEG
    assert av.library_versions["libavcodec"] >= SAFE_AVCODEC


def test_the_ffmpeg_in_opencv_has_no_known_holes():
    found = re.search(r"avcodec: +YES \(([\d.]+)\)", cv2.getBuildInformation())
    assert found and numbers(found[1]) >= SAFE_AVCODEC


def test_no_other_package_carries_an_ffmpeg():
    """Whoever brings one of its own must be looked at as these two were."""
    carriers = {
        distribution.metadata["Name"]
        for distribution in distributions()
        if any(file.name.startswith("libavcodec") for file in distribution.files or ())
    }
    assert carriers == {"av", "opencv-python-headless"}


def test_every_installed_package_is_pinned_as_installed():
    for name, pinned in pins().items():
        assert version(name).partition("+")[0] == pinned, name


def test_every_required_package_is_among_the_pins():
    for file in ("base", "web", "worker", "dev"):
        for requirement in requirements(ROOT / "requirements" / f"{file}.txt"):
            assert canonicalize_name(requirement.name) in pins()
            assert str(requirement.specifier) == f"=={pins()[canonicalize_name(requirement.name)]}"


def pins() -> dict[str, str]:
    found = requirements(ROOT / "requirements" / "constraints.txt")
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in found}


def requirements(file: Path) -> list[Requirement]:
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
