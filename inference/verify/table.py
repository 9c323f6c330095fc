"""The table on standard output."""

from collections import Counter
from collections.abc import Sequence

from inference.verify.rows import Row

COLUMNS = "{:<52} {:>22} {:>14}  {}"


def print_row(row: Row) -> None:
    """At once, so that minutes of computing are not minutes of silence."""
    note = f"{row.verdict}: {row.note}" if row.note else row.verdict
    print(COLUMNS.format(row.name, row.difference, row.limit, note), flush=True)


def print_summary(rows: Sequence[Row]) -> None:
    counts = Counter(row.verdict for row in rows)
    print(f"{len(rows)} rows: " + ", ".join(f"{counts[v]} {v}" for v in sorted(counts)))
