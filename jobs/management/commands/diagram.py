"""The state machine as docs/jobs.md shows it; reads the code alone, no database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jobs.diagram import PAGE, drawn, in_page


class Command(BaseCommand):
    help = "Print the diagram and the table of a job's states; --write puts them into docs/jobs.md."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true")

    def handle(self, *_: Any, write: bool, **__: Any) -> None:
        if write:
            PAGE.write_text(in_page(PAGE.read_text()))
        else:
            self.stdout.write(drawn())
