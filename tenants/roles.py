"""The database's roles, made before any migration by whoever may make roles there.

`viseme_owner` owns the tables and migrates. `viseme_app` is what every process connects as: never
superuser, never an owner, never past row-level security. `viseme_operator` sees all tenants; the
application takes it with SET ROLE inside as_operator() and at no other time. `viseme_lookup` owns
the SECURITY DEFINER functions that find what must be found before a tenant is known, and those that
count over all of them. `viseme_scaler` may call viseme_demand() and nothing else: the autoscaler's
own role, which has the password, is made a member of it.

On RDS: `manage.py create_roles` with the master user's address; it may be run again.
"""

from collections.abc import Callable

import psycopg
from psycopg import sql

LOGIN_ROLES = ("viseme_owner", "viseme_app")
GROUP_ROLES = ("viseme_operator", "viseme_lookup", "viseme_scaler")
READERS = ("viseme_app", "viseme_operator")
# How long the application may keep others waiting, or wait: its transactions are short, and no
# network call happens inside one. A process that hangs or is paused lets go of its locks by these.
# Set on the role, so they hold behind any pooler; the owner, who migrates, has none.
PATIENCE = {
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
}

Connect = Callable[[str], psycopg.Connection]

_MAKE = """DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal}) THEN CREATE ROLE {role}; END IF;
END $$"""


def create(connect: Connect, database: str, *, app_password: str, owner_password: str) -> None:
    """The database, if it is missing, and the roles. `connect` opens a database by its name, with
    autocommit, as somebody who may make both. A second time it only sets the passwords.
    """
    with connect("postgres") as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if known.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        for statement in statements(database, app_password, owner_password):
            connection.execute(statement)
    with connect(database) as connection:
        for statement in schema_statements():
            connection.execute(statement)


def statements(database: str, app_password: str, owner_password: str) -> list[sql.Composed]:
    """For a connection to any database of the server, each outside a transaction."""
    name = sql.Identifier(database)
    return [
        *(_make(role) for role in (*LOGIN_ROLES, *GROUP_ROLES)),
        _let_in("viseme_owner", owner_password),
        _let_in("viseme_app", app_password),
        *(_bound("viseme_app", name, value) for name, value in PATIENCE.items()),
        # Who is no superuser, as on RDS, sets the owner's default privileges as its member.
        sql.SQL("GRANT viseme_owner TO CURRENT_USER").format(),
        # WITH INHERIT FALSE: only SET ROLE gives what the role may do, never by accident.
        sql.SQL("GRANT viseme_operator TO viseme_app WITH INHERIT FALSE, SET TRUE").format(),
        # Migrations hand the lookup functions over to their role.
        sql.SQL("GRANT viseme_lookup TO viseme_owner WITH INHERIT FALSE, SET TRUE").format(),
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO viseme_app, viseme_scaler").format(name),
        sql.SQL("GRANT ALL ON DATABASE {} TO viseme_owner").format(name),
    ]


def schema_statements() -> list[sql.Composed]:
    """For a connection to the product's own database. Tables themselves: tenants/rls.py."""
    everyone = sql.SQL(", ").join(map(sql.Identifier, READERS))
    return [
        sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO viseme_owner, viseme_lookup").format(),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}, viseme_scaler").format(everyone),
        sql.SQL(
            "ALTER DEFAULT PRIVILEGES FOR ROLE viseme_owner IN SCHEMA public "
            "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}"
        ).format(everyone),
        sql.SQL(
            "ALTER DEFAULT PRIVILEGES FOR ROLE viseme_owner IN SCHEMA public "
            "GRANT USAGE, SELECT ON SEQUENCES TO {}"
        ).format(everyone),
    ]


def _make(role: str) -> sql.Composed:
    return sql.SQL(_MAKE).format(literal=sql.Literal(role), role=sql.Identifier(role))


def _let_in(role: str, password: str) -> sql.Composed:
    made = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
    return made.format(sql.Identifier(role), sql.Literal(password))


def _bound(role: str, name: str, value: str) -> sql.Composed:
    bound = sql.SQL("ALTER ROLE {} SET {} = {}")
    return bound.format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value))
