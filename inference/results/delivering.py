"""A finished result at the places that were named for it."""

from pathlib import Path

from inference.files import move
from inference.report import document
from inference.results.result import SyncResult

FACES = "faces.json"


def deliver(result: SyncResult, made: Path, report: Path | None) -> None:
    """Put everything at its place, the film last: where it lies, all of it does."""
    placed: list[Path] = []
    try:
        if report is not None:
            for path, told in ((report.with_name(FACES), result.faces), (report, result.report)):
                draft = made.with_name("report.draft")  # whatever its name will be
                document.write(draft, told)
                move(draft, path)
                placed.append(path)
        move(made, result.path)
    except BaseException:  # also who stops the command here gets nothing
        for path in placed:
            path.unlink(missing_ok=True)
        raise
