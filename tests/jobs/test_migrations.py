"""The way back: a release that is taken back must not leave half of itself in the database."""

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from tenants import roles
from tests import database

NAME = "test_viseme_there_and_back"
# Tables, columns, rules, indexes, triggers, functions and who may do what, a text each.
SCHEMA = """
WITH ours AS (
    SELECT * FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')
)
SELECT concat_ws(' ', relname, relrowsecurity, relforcerowsecurity, relacl) FROM ours
UNION ALL
SELECT concat_ws(' ', relname, attname, format_type(atttypid, atttypmod), attnotnull, attacl,
    pg_get_expr(adbin, adrelid))
FROM ours JOIN pg_attribute ON ours.oid = attrelid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL
SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(pg_constraint.oid))
FROM pg_constraint JOIN ours ON ours.oid = conrelid
UNION ALL
SELECT pg_get_indexdef(oid) FROM ours WHERE relkind = 'i'
UNION ALL
SELECT pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger JOIN ours ON ours.oid = tgrelid
WHERE NOT tgisinternal
UNION ALL
SELECT concat_ws(' ', pg_get_functiondef(oid), proowner::regrole, proacl) FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT pg_policies::text FROM pg_policies WHERE schemaname = 'public'
"""


@pytest.fixture
def apart(transactional_db):
    """A migrated database of its own, which the owner's alias points at.

    Dropped without FORCE: that would ask for the right to end the server's own vacuum workers.
    """
    name, settings = sql.Identifier(NAME), connections["owner"].settings_dict
    before = settings["NAME"]
    with database.owner(dbname="postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    with database.owner(dbname=NAME) as connection:
        for statement in roles.schema_statements():
            connection.execute(statement)
    connections["owner"].close()
    settings["NAME"] = NAME
    call_command("migrate", database="owner", verbosity=0, interactive=False)
    yield
    connections["owner"].close()
    settings["NAME"] = before
    with database.owner(dbname="postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(name))


def migrate(to: str) -> None:
    MigrationExecutor(connections["owner"]).migrate([("jobs", to)])


def schema() -> set[str]:
    with database.owner(dbname=NAME) as connection:
        return {text for (text,) in connection.execute(SCHEMA)}


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_each_migration_runs_backwards_and_makes_the_same_again(apart):
    names = sorted(name for app, name in MigrationLoader(None).disk_migrations if app == "jobs")
    whole, before = schema(), {}
    for name in reversed(names[:-1]):
        migrate(name)
        before[name] = schema()
    for name in names[1:-1]:
        migrate(name)
        assert schema() == before[name]
    migrate(names[-1])
    assert schema() == whole
