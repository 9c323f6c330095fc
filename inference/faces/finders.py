"""The face finders that a bundle's manifest may ask for, by name."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from inference.errors import BadCheckpoint
from inference.faces.face import Finder

# Name in a manifest -> module and class. A module is imported when a bundle asks for it, so that
# nobody needs the runtime of a finder that is not used.
FINDERS = {
    "builtin": ("inference.faces.mesh_finder", "MeshFinder"),
    "insightface": ("inference.faces.insight_finder", "InsightFinder"),
}


def make_finder(
    name: str, files: Mapping[str, Path] | None = None, *, device: str = "auto"
) -> Finder:
    """A fresh finder for one video.

    files: the bundle's files by their role. device: "cpu", "cuda" (which fails where there is
    none), or "auto". A finder without a use for a GPU runs on the CPU; its `device` says which it
    is. Raises BadCheckpoint for a name that is not known and for files that are not what they
    should be.
    """
    if name not in FINDERS:
        known = ", ".join(sorted(FINDERS))
        raise BadCheckpoint(f"The manifest asks for the face finder {name}; there is {known}.")
    module, attribute = FINDERS[name]
    finder: Callable[..., Finder] = getattr(import_module(module), attribute)
    return finder(files or {}, device=device)
