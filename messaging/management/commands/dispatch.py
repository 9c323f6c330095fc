import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils.module_loading import import_string

from messaging.broker import shared
from messaging.dispatcher import Dispatcher


class Command(BaseCommand):
    help = "Send the outbox to the queues and run the timers, for as long as this process leads."

    requires_system_checks = []  # of pages and models, which it has none of

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="what is due now, leader or not, then end"
        )

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        dispatcher = Dispatcher(shared())
        if once:
            self.stdout.write(f"{sum(iter(dispatcher.sweep, 0))} messages sent")
            return
        if settings.MESSAGING_STARTED:
            import_string(settings.MESSAGING_STARTED)()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: dispatcher.stop.set())
        dispatcher.run()
