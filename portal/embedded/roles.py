"""The product's database and its roles on the embedded server."""

from psycopg import sql

from portal.embedded.postgres import DATABASE, Postgres
from tenants import roles


def prepare(postgres: Postgres, database: str = DATABASE) -> None:
    """Make what is missing; a second time it changes nothing."""
    section = postgres.section
    with postgres.connect() as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if known.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        for statement in roles.statements(
            database, section["app_password"], section["owner_password"]
        ):
            connection.execute(statement)
    with postgres.connect(database) as connection:
        for statement in roles.schema_statements():
            connection.execute(statement)
