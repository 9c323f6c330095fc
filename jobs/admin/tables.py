"""Small tables inside a page of the admin."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
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


def when(told: datetime | None) -> str:
    return f"{told:%Y-%m-%d %H:%M:%S}" if told else ""


def moment(field: str) -> Any:  # the stubs of the admin know names alone
    """A column of a row's moment, to the second as logs have it; it may take two lines."""

    @admin.display(description=field.replace("_", " "), ordering=field)
    def shown(row: Any) -> str:
        return when(getattr(row, field)) or "-"

    return shown
