"""What the product builds on in SQS, held against our strict server, moto's and the real one.

The real SQS is asked only with SQS_CONTRACT_REGION and AWS credentials: its queues have names of
their own and are deleted at the end.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.messaging.contract.differences import MOTO_DIFFERS
from tests.messaging.worlds import Moto, SqsQueue, Strict, World, real_queues, real_region

Promised = Callable[[Any, Any], None]


@pytest.fixture(scope="session")
def moto_address() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["strict", "moto", *(["aws"] if real_region() else [])])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    ways: dict[str, Callable[[], World]] = {
        "strict": Strict,
        "moto": lambda: Moto(request.getfixturevalue("moto_address"), monkeypatch),
        "aws": real_queues,
    }
    made = ways[request.param]()
    yield made
    made.close()


@pytest.fixture
def promised(request: pytest.FixtureRequest, world: World) -> Promised:
    """What was seen is what AWS promises, or on moto what the table says of this test."""
    differs = MOTO_DIFFERS if world.kind == "moto" else {}

    def promised(seen: Any, wanted: Any) -> None:
        assert seen == differs.get(request.function.__name__, wanted)

    return promised


@pytest.fixture
def fifo(world: World) -> SqsQueue:
    return world.queue()


@pytest.fixture
def standard(world: World) -> SqsQueue:
    return world.queue(fifo=False)


@pytest.fixture
def dead(world: World) -> SqsQueue:
    return world.queue()


@pytest.fixture
def dying(world: World, dead: SqsQueue) -> SqsQueue:
    """A queue whose messages go to `dead` after three receives."""
    return world.queue(dead=dead)
