"""Progress for people: one line that is rewritten on a terminal, now and then a line elsewhere."""

import time
from types import TracebackType
from typing import Self, TextIO

TERMINAL_SECONDS, LOG_SECONDS = 0.2, 5.0
NAMES = {
    "probe": "looking at the files",
    "model": "loading the model",
    "audio": "listening",
    "generate": "frames",
    "finish": "finishing",
}


class Meter:
    """Called with (stage, done, total); total None where nobody knows. A stage without a name of
    ours is text that is shown as it is, with its share."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._terminal = stream, stream.isatty()
        self._stage, self._next, self._started = "", 0.0, time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if stage == self._stage and now < self._next:
            return
        self._stage = stage
        self._next = now + (TERMINAL_SECONDS if self._terminal else LOG_SECONDS)
        text = f"{NAMES.get(stage, stage)}{self._share(stage, done, total)}"
        text += f"  ({now - self._started:.0f} s)"
        self._stream.write(f"\r{text}\x1b[K" if self._terminal else f"{text}\n")
        self._stream.flush()

    def _share(self, stage: str, done: int, total: int | None) -> str:
        if not total or (stage in NAMES and stage != "generate"):
            return ""
        return f" {done} of {total}, {100 * done // total} %"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._terminal:
            self._stream.write("\r\x1b[K")
