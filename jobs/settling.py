"""Recording the end of an attempt, patient with a database that is away for some seconds."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.db import connections

from jobs.models import Job
from jobs.producing import Order
from messaging.gone import GONE
from tenants.context import acting_for

log = structlog.get_logger(__name__)

TRIES, PAUSE_SECONDS = 5, 2.0


def settle(order: Order, operation: Callable[..., Job], **told: Any) -> Job:
    """Call an operation of jobs.lifecycle that ends the attempt. Raises StaleAttempt.

    A commit whose answer was lost shows as StaleAttempt at the next try: then the message is left
    alone, and whoever receives it again finds the work done.
    """
    for _ in range(TRIES - 1):
        try:
            return _once(order, operation, told)
        except GONE as problem:
            connections.close_all()
            log.warning("end_not_recorded_yet", problem=str(problem))
            time.sleep(PAUSE_SECONDS)
    return _once(order, operation, told)


def _once(order: Order, operation: Callable[..., Job], told: Mapping[str, Any]) -> Job:
    with acting_for(order.tenant_id):
        return operation(order.attempt_id, fence=order.fence, **told)
