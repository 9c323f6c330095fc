"""A tenant's work, at the points of its life where tests begin."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from tests import making


@pytest.fixture
def in_acme(acme) -> Iterator[Any]:
    """The whole test acts for the tenant Acme."""
    from tenants.context import acting_for

    with acting_for(acme.id):
        yield acme


@pytest.fixture
def operator(acme) -> Iterator[Any]:
    """The whole test is the operator's; Acme is there."""
    from tenants.context import as_operator

    with as_operator("a test"):
        yield acme


@pytest.fixture
def queued_job(in_acme) -> Any:
    """Admitted: it holds a lane, and a message of it is on its way."""
    from jobs import lifecycle

    job = making.a_queued_job(lane=0)
    lifecycle.dispatch(job)
    return job


@pytest.fixture
def claim() -> Callable[..., Any]:
    """Claims as a worker does; the lease is a minute unless the test says otherwise."""
    from jobs import lifecycle

    def claimed(job_id: UUID, *, worker: str = "gpu-1", lease: float = 60) -> Any:
        return lifecycle.claim(job_id, worker=worker, lease=lease)

    return claimed
