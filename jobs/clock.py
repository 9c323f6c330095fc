from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """The database's clock, not the transaction's start: leases run on it, whatever the workers'
    own clocks say."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
