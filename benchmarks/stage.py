"""A PostgreSQL that is thrown away, with a database for each size that is measured.

Import this first: it sets Django up over the tests' settings, whose home nobody else uses.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.conf import settings

if not settings.configured:  # in the tests they are, and what they start has logs that are read
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")  # a line for each repair would be measured too
    django.setup()

import psycopg
from django.db import connections
from psycopg import sql

from portal import environment
from portal.embedded.postgres import Postgres
from tests import database
from tests.database import leave

ALIASES = ("default", "owner")


class Stage:
    """The migrated database, and copies of it. `enter()` says which one this process uses."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres

    def enter(self, name: str) -> None:
        leave()
        for alias in ALIASES:
            connections[alias].settings_dict["NAME"] = name

    def copy(self, name: str, of: str = database.NAME) -> None:
        """A copy of a database (the migrated one) with what was put there, in place of an older."""
        leave()
        self.drop(name)
        copied = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with self.postgres.connect() as connection:
            connection.execute(copied.format(sql.Identifier(name), sql.Identifier(of)))

    def drop(self, name: str) -> None:
        dropped = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        with self.postgres.connect() as connection:
            connection.execute(dropped)

    def superuser(self, name: str) -> psycopg.Connection:
        """For rows in bulk: past row-level security, and past triggers if it asks."""
        return self.postgres.connect(name)

    def url(self, name: str) -> str:
        """The address that the product's processes are given."""
        return self.postgres.address("viseme_app", name)


@contextmanager
def stage(*, durable: bool = True) -> Iterator[Stage]:
    """durable: commits wait for the disk, as in production."""
    with Postgres(Path(environment.home()), durable=durable) as postgres:
        database.use(postgres)
        with database.database(keep=False):
            try:
                yield Stage(postgres)
            finally:
                leave()
