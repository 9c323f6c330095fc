"""A real PostgreSQL and a real queue server for the tests that ask; others start neither."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.test import TransactionTestCase

from inference.threads import wait_asleep
from portal.environment import ROOT
from tests.traces import traces

# Before any test loads torch: two test processes whose threads spin take each other's cores.
wait_asleep()

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "viseme", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("viseme")

SHARED = ROOT.parent / "shared"
as_found: dict[str, object] = {}


def pytest_collection_finish() -> None:
    as_found.update(traces())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Each file leaves the process as it found it, or fails with its last test."""
    yield
    if nextitem is None or nextitem.path != item.path:
        before, now = dict(as_found), traces()
        as_found.update(now)  # the files after it are not to blame
        assert now == before


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, django_db_keepdb) -> Iterator[None]:
    """In place of pytest-django's: the owner makes the database, the application uses it."""
    from tests import database

    with django_db_blocker.unblock(), database.server(), database.database(keep=django_db_keepdb):
        database.keep_statistics_away()
        case: Any = TransactionTestCase
        case._fixture_teardown = lambda case: database.empty()
        yield


@pytest.fixture(scope="session")
def sqs_server() -> Iterator[str]:
    """The address of a queue server that has the product's queues."""
    from moto.server import ThreadedMotoServer

    from portal.embedded import sqs
    from portal.embedded.queues import make_queues

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    make_queues(sqs.client(port))
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def queues(sqs_server: str, settings) -> str:
    """The settings name that server for the length of a test."""
    settings.SQS_ENDPOINT_URL = sqs_server
    return sqs_server


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference material that lies beside some checkouts and is no part of the product."""
    if not SHARED.is_dir():
        pytest.skip(f"no reference material at {SHARED}")
    return SHARED


@pytest.fixture
def acme(db):
    """A tenant with two lanes."""
    from tests import making

    return making.a_tenant("Acme")


@pytest.fixture
def globex(db):
    """The other tenant, whose rows nobody but itself may see."""
    from tests import making

    return making.a_tenant("Globex")
