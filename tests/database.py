"""The database that tests run against: a real server, made by the owner, used by the application.

Everything here is the owner's; tests themselves connect as viseme_app, which row-level security
binds as it does in production.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from portal import environment
from portal.embedded import roles as embedded_roles
from portal.embedded.postgres import Postgres
from tenants import roles

NAME = "test_viseme"
running: Postgres | None = None  # the server of these tests, if it is their own
KEPT = ("django_migrations", "django_content_type", "auth_permission")


@contextmanager
def server() -> Iterator[None]:
    """DATABASE_URL's server if that is set, otherwise one that lives as long as the tests."""
    if os.environ.get("DATABASE_URL"):
        yield
        return
    global running
    with Postgres(Path(environment.home()), durable=False) as running:
        use(running)
        yield
    running = None


def use(postgres: Postgres) -> None:
    """Make the product's roles on that server and point both aliases at it."""
    embedded_roles.prepare(postgres)
    with postgres.connect() as connection:
        connection.execute("ALTER ROLE viseme_owner CREATEDB")
    for alias, role in (("default", "viseme_app"), ("owner", "viseme_owner")):
        settings = environment.database(postgres.address(role))
        told = {key: settings[key] for key in ("HOST", "PORT", "USER", "PASSWORD")}
        connections[alias].settings_dict.update(told)


@contextmanager
def database(*, keep: bool) -> Iterator[None]:
    """Migrated, empty, and what the aliases point at. keep: use the one of the last run."""
    _create(keep=keep)
    leave()
    for alias in ("owner", "default"):
        connections[alias].settings_dict["NAME"] = NAME
    call_command("migrate", database="owner", verbosity=0, interactive=False)
    connections["owner"].close()
    yield
    leave()


def leave() -> None:
    """Close what this process holds open: a database in use can be neither copied nor dropped."""
    connections.close_all()
    connections["default"].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's wrapper has it


def owner(**options: Any) -> psycopg.Connection:
    """A connection of the owner's, apart from Django's."""
    parameters = connections["owner"].get_connection_params()
    known = {key: parameters[key] for key in ("host", "port", "user", "password", "dbname")}
    return psycopg.connect(**{**known, **options}, autocommit=True)


def _create(*, keep: bool) -> None:
    name = sql.Identifier(NAME)
    with owner(dbname="postgres") as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
        if there.fetchone() and keep:
            return
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    with owner(dbname=NAME) as connection:
        for statement in roles.schema_statements():
            connection.execute(statement)


def empty() -> None:
    """After a test that committed. The application's role could not: it may neither truncate nor
    touch a ledger, and what forbids changes stops the owner too, so that is out of force meanwhile.
    """
    with owner() as connection, connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '60s'")
        names = _tables(connection)
        for name in names:
            connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
        every = sql.SQL(", ").join(names)
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(every))
        for name in names:
            connection.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))


def keep_statistics_away() -> None:
    """No plan may hang on whether PostgreSQL has looked at a table meanwhile."""
    with owner() as connection:
        for name in _tables(connection):
            off = sql.SQL("ALTER TABLE {} SET (autovacuum_enabled = off)")
            connection.execute(off.format(name))


def forget_statistics() -> None:
    """As if nobody had analyzed a table: some tests do. PostgreSQL can since 18, as ours is."""
    with owner() as connection:
        if connection.info.server_version >= 180000:
            connection.execute(
                "SELECT pg_clear_attribute_stats('public', relname::text, attname::text, false) "
                "FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
                "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') "
                "AND attnum > 0 AND NOT attisdropped"
            )


def _tables(connection: psycopg.Connection) -> list[sql.Identifier]:
    """Those that tests fill."""
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' "
        "AND relnamespace = 'public'::regnamespace AND relname <> ALL(%s)",
        [list(KEPT)],
    )
    return [sql.Identifier(table) for (table,) in found.fetchall()]
