"""Faces of a film: found, followed, chosen, and planned frame by frame before anything is painted.

`finders` find, `tracker` tells who is who, `lane` decides where one person's mouth is painted and
how strongly, `choice` says whose, `scout` runs it all ahead of the painter and answers through
`plan`. Importing this package needs numpy alone.
"""

from inference.faces.face import Face, Finder, usable
from inference.faces.finders import make_finder

__all__ = ["Face", "Finder", "make_finder", "usable"]
