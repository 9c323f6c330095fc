"""Serve the product's queues until SIGTERM: `python -m tests.strict_sqs PORT`."""

import signal
import sys
from collections.abc import Callable
from typing import Any

from portal.embedded.queues import make_queues
from tests.strict_sqs.actions import Actions
from tests.strict_sqs.server import Server


class Maker:
    """Makes queues as boto3's client does, by calling the actions themselves."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    def __getattr__(self, name: str) -> Callable[..., Any]:
        action = "".join(word.capitalize() for word in name.split("_"))
        return lambda **given: self._actions.run(action, given)


def serve(port: int) -> None:
    server = Server(port)
    make_queues(Maker(server.actions))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
