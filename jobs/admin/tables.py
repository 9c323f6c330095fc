"""Small tables inside a page of the admin."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def written(head: Sequence[str], rows: Iterable[Sequence[object]]) -> SafeString | str:
    """As HTML, with everything escaped; a dash where there is no row."""
    body = [(format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows]
    if not body:
        return "-"
    names = format_html_join("", '<th scope="col">{}</th>', ((name,) for name in head))
    lines = format_html_join("", "<tr>{}</tr>", body)
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", names, lines)


def when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""
