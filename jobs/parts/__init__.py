"""A large file comes in parts, each to an address of its own: S3's multipart upload, or a folder.

Which parts are there, the storage says: no list is kept beside it that could be wrong.
"""

from jobs import storage
from jobs.parts.bucket import S3Parts
from jobs.parts.folder import FolderParts
from jobs.parts.kinds import Begun, Parts, PartsGone

__all__ = ["Begun", "FolderParts", "Parts", "PartsGone", "S3Parts", "parts"]


def parts() -> Parts:
    return FolderParts() if storage.is_folder(storage.inputs()) else S3Parts()
