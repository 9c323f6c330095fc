import os
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from tenants import roles

ADMIN = "DATABASE_ADMIN_URL"


class Command(BaseCommand):
    help = (
        "Make the database and its roles, or set their passwords again, with the passwords of "
        f"DATABASE_URL and DATABASE_OWNER_URL, as the administrator whom {ADMIN} names."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        address = os.environ.get(ADMIN)
        if not address or "owner" not in connections:
            raise CommandError(f"Set {ADMIN} and DATABASE_OWNER_URL for this command.")
        app, owner = connections["default"].settings_dict, connections["owner"].settings_dict

        def connect(database: str) -> psycopg.Connection:
            return psycopg.connect(address, dbname=database, autocommit=True)

        roles.create(
            connect, app["NAME"], app_password=app["PASSWORD"], owner_password=owner["PASSWORD"]
        )
        *most, last = (*roles.LOGIN_ROLES, *roles.GROUP_ROLES)
        self.stdout.write(f"{', '.join(most)} and {last} are there.")
