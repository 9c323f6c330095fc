from collections.abc import Iterator

import pytest

from tenants.context import acting_for
from tenants.models import Tenant
from tests.jobs.storing import shelves

__all__ = ["shelves"]


@pytest.fixture
def acting(acme: Tenant) -> Iterator[Tenant]:
    """Inside the context of a tenant with two lanes."""
    with acting_for(acme.id):
        yield acme
