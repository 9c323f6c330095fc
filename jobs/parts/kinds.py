"""What a storage must be able to do for uploads that come in parts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jobs.models import Upload

LINK_SECONDS = 3600


class PartsGone(Exception):
    """While they were being joined somebody else joined or discarded them."""


@dataclass(frozen=True)
class Begun:
    """An upload to which parts may be sent, as the storage knows it; there may be no row of it."""

    key: str
    multipart_id: str
    at: datetime


class Parts(Protocol):
    def begin(self, upload: Upload) -> str:
        """Make room for the parts; an id that the storage wants to hear again, or nothing."""

    def link(self, upload: Upload, number: int) -> str:
        """Where to PUT part `number`, for an hour."""

    def there(self, upload: Upload) -> Mapping[int, int]:
        """The size in bytes of each part that has arrived."""

    def join(self, upload: Upload) -> None:
        """Make one object of the parts, in order. Raises PartsGone."""

    def discard(self, upload: Upload) -> None:
        """Forget the parts and what was joined of them."""

    def begun(self) -> Iterator[Begun]:
        """What was begun and neither joined nor discarded, where its parts are no files."""

    def forget(self, begun: Begun) -> None:
        """Its parts go."""
