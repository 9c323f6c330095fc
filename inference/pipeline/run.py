"""One synchronization at work: with what it is done, for whom, and where its files lie."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from inference.errors import Canceled
from inference.model.networks import Network
from inference.options import SyncOptions
from inference.results.shelf import Shelf
from inference.stopwatch import Stopwatch

OnProgress = Callable[[str, int, int | None], None]
ShouldCancel = Callable[[], bool]


@dataclass(frozen=True)
class Run:
    """folder: its own, for temporary files. on_progress, should_cancel: see pipeline.sync()."""

    network: Network
    options: SyncOptions
    folder: Path
    on_progress: OnProgress | None = None
    should_cancel: ShouldCancel | None = None
    watch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def film(self) -> Path:
        """The finished file, until it is delivered."""
        return self.folder / "result.mp4"

    def shelf(self, name: str) -> Shelf:
        """A new one among its temporary files."""
        folder = self.folder / name
        folder.mkdir()
        return Shelf(folder)

    def tell(self, stage: str, done: int, total: int | None) -> None:
        if self.on_progress:
            self.on_progress(stage, done, total)

    def check_canceled(self) -> None:
        if self.should_cancel and self.should_cancel():
            raise Canceled("The synchronization was canceled.")
