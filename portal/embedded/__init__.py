"""The servers that a laptop needs: PostgreSQL, an SQS server, and what starts and stops all of it.

Nothing here runs in production, and the application does not know of it: the servers' ports and
passwords reach it through `.viseme/state.json`.
"""


class EmbeddedError(Exception):
    """A server could not be started; the message says in one sentence what to do about it."""
