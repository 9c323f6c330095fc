"""Tenants, their first member, their keys and limits, from the operator's shell."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tenants import keys, operating, people
from tenants.context import acting_for, as_operator
from tenants.errors import TenantError
from tenants.management.tables import table
from tenants.models import ApiKey, Limits, Role, Tenant


class Command(BaseCommand):
    help = "Create and list tenants; make and revoke their keys; see and set their limits."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="a tenant with its first owner")
        create.add_argument("name")
        create.add_argument("--owner", required=True, metavar="EMAIL")
        create.add_argument("--time-zone", default="UTC", help="IANA name; its billing month")
        create.add_argument("--slug", default="", help="short name; made of the name if not given")
        verbs.add_parser("list", help="all tenants")
        for verb in ("suspend", "resume"):
            verbs.add_parser(verb).add_argument("tenant")
        limits = verbs.add_parser("limits", help="show the limits, or set those that are named")
        limits.add_argument("tenant")
        for name in operating.LIMITS:
            limits.add_argument("--" + name.replace("_", "-"), type=int, dest=name)
        self._add_keys(verbs.add_parser("key", help="API keys of a tenant"))

    def _add_keys(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="key_verb", required=True)
        create = verbs.add_parser("create", help="a key; its secret is shown once")
        create.add_argument("tenant")
        create.add_argument("name")
        create.add_argument("--scope", action="append", dest="scopes", choices=list(keys.SCOPES))
        create.add_argument("--days", type=int, help="how long it is good; for ever if not given")
        verbs.add_parser("list").add_argument("tenant")
        revoke = verbs.add_parser("revoke", help="from the next request on it is refused")
        revoke.add_argument("tenant")
        revoke.add_argument("prefix", help="the beginning of the key, as the list shows it")

    def handle(self, *_: Any, **given: Any) -> None:
        verb = given["verb"] if given["verb"] != "key" else f"key_{given['key_verb']}"
        try:
            getattr(self, verb)(given)
        except TenantError as refusal:
            raise CommandError(str(refusal)) from None
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from None

    def create(self, given: dict[str, Any]) -> None:
        with as_operator("tenants create"):
            tenant = people.create_tenant(
                given["name"], time_zone=given["time_zone"], slug=given["slug"]
            )
            membership, password = people.add_member(tenant, given["owner"], Role.OWNER)
        self.stdout.write(f"tenant {tenant.slug} ({tenant.id})")
        sign_in = f"password {password}" if password else "with the password that they have"
        self.stdout.write(f"owner {membership.user.email}, {sign_in}")

    def list(self, _: dict[str, Any]) -> None:
        with as_operator("tenants list"):
            tenants = list(Tenant.objects.all())
        rows = [
            (t.slug, t.name, t.time_zone, "suspended" if t.suspended_at else "", t.id)
            for t in tenants
        ]
        self.stdout.write(table(["slug", "name", "time zone", "", "id"], rows))

    def suspend(self, given: dict[str, Any]) -> None:
        with as_operator("tenants suspend"):
            tenant = operating.suspend(people.find_tenant(given["tenant"]).id)
        self.stdout.write(f"{tenant.slug} is suspended")

    def resume(self, given: dict[str, Any]) -> None:
        with as_operator("tenants resume"):
            tenant = operating.resume(people.find_tenant(given["tenant"]).id)
        self.stdout.write(f"{tenant.slug} is let in again")

    def limits(self, given: dict[str, Any]) -> None:
        changes = {name: given[name] for name in operating.LIMITS if given[name] is not None}
        with as_operator("tenants limits"):
            tenant = people.find_tenant(given["tenant"])
            if changes:
                operating.change_limits(tenant.id, **changes)
            limits = Limits.objects.get(tenant=tenant)
        for name in operating.LIMITS:
            self.stdout.write(f"{name.replace('_', ' '):20} {getattr(limits, name)}")

    def key_create(self, given: dict[str, Any]) -> None:
        days = given["days"]
        expires_at = timezone.now() + timedelta(days=days) if days else None
        with acting_for(self._tenant(given).id):
            key, secret = keys.create(given["name"], scopes=given["scopes"], expires_at=expires_at)
        self.stdout.write(secret)
        self.stderr.write(f"key {key.name!r}: keep it now, it is not shown again")

    def key_list(self, given: dict[str, Any]) -> None:
        with acting_for(self._tenant(given).id):
            found = list(ApiKey.objects.all())
        rows = [(k.prefix, k.name, " ".join(k.scopes), _standing(k)) for k in found]
        self.stdout.write(table(["prefix", "name", "scopes", ""], rows))

    def key_revoke(self, given: dict[str, Any]) -> None:
        with acting_for(self._tenant(given).id):
            found = list(ApiKey.objects.filter(prefix__startswith=given["prefix"]))
            if len(found) != 1:
                raise CommandError(f"{len(found)} keys begin with {given['prefix']!r}.")
            key = keys.revoke(found[0].id)
        self.stdout.write(f"{key.prefix} is revoked")

    def _tenant(self, given: dict[str, Any]) -> Tenant:
        with as_operator("find a tenant by its name"):
            return people.find_tenant(given["tenant"])


def _standing(key: ApiKey) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at:
        over = "expired" if key.expires_at <= timezone.now() else "expires"
        return f"{over} {key.expires_at:%Y-%m-%d}"
    return ""
