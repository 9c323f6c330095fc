"""The product's database and its roles on the embedded server."""

from portal.embedded.postgres import DATABASE, Postgres
from tenants import roles


def prepare(postgres: Postgres) -> None:
    """Make what is missing; a second time it changes nothing."""
    section = postgres.section
    roles.create(
        postgres.connect,
        DATABASE,
        app_password=section["app_password"],
        owner_password=section["owner_password"],
    )
