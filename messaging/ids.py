from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7: begins with the time, so rows keep the order in which they were made.

    People see its last eight characters; the first eight are the same for a whole minute.
    """
    return uuid7()
