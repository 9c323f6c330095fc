"""How a connection to the database shows that it has gone."""

from django.db import InterfaceError, InternalError, OperationalError

# The last: PostgreSQL ended the session while it slept in a transaction, as one does whose machine
# was paused, or the server became read-only in a failover.
GONE = (OperationalError, InterfaceError, InternalError)
