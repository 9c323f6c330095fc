"""Recording the end of an attempt, patient with a database that is away, while the lease lasts."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.db import connections

from jobs.keeper import Keeper
from jobs.models import Job
from jobs.producing import Order
from messaging.gone import GONE
from tenants.context import acting_for

log = structlog.get_logger(__name__)

LEAST_TRIES, PAUSE_SECONDS = 5, 2.0


def settle(order: Order, keeper: Keeper, operation: Callable[..., Job], **told: Any) -> Job:
    """Call an operation of jobs.lifecycle that ends the attempt. Raises StaleAttempt.

    While the lease is ours the attempt can still be recorded, so no try is the last. A database
    that is away ends that: the keeper can't renew the lease either. A commit whose answer was lost
    shows as StaleAttempt at the next try: whoever receives the message again finds the work done.
    """
    tries = 1
    while tries < LEAST_TRIES or keeper.ours:
        try:
            return _once(order, operation, told)
        except GONE as problem:
            connections.close_all()
            log.warning("end_not_recorded_yet", problem=str(problem))
            time.sleep(PAUSE_SECONDS)
        tries += 1
    return _once(order, operation, told)


def _once(order: Order, operation: Callable[..., Job], told: Mapping[str, Any]) -> Job:
    with acting_for(order.tenant_id):
        return operation(order.attempt_id, fence=order.fence, **told)
