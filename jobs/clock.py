from datetime import UTC, datetime

from django.db import connection


def database_now() -> datetime:
    """The database's clock, not the transaction's start: leases run on it, whatever the workers'
    own clocks say."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def utc(moment: datetime | None) -> str:
    """For operators, who compare it with logs: to the second, with its zone; "" for no moment."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if moment else ""
