"""Start-up refuses a database role that row-level security does not bind."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from tenants.errors import WrongDatabaseRole

_ROLE = """
SELECT current_user, rolsuper, rolbypassrls, EXISTS (
    SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relkind = 'r'
)
FROM pg_roles WHERE rolname = current_user
"""

_seen_good: set[str] = set()


def refuse_wrong_role(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Receives connection_created. The first connection of a process answers for all of them.

    Raises WrongDatabaseRole. The alias of the owner, which only migrations use, is not asked.
    """
    if connection.alias != "default" or connection.alias in _seen_good:
        return
    with connection.cursor() as cursor:
        cursor.execute(_ROLE)
        role, superuser, bypasses, owns = cursor.fetchone()
    for wrong, why in (
        (superuser, "is a superuser"),
        (bypasses, "has BYPASSRLS"),
        (owns, "owns tables"),
    ):
        if wrong:
            raise WrongDatabaseRole(role, why)
    _seen_good.add(connection.alias)
