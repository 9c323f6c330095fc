"""The demo's tenant, its owner and an API key: made once, kept in the state file."""

from typing import Any

from allauth.account.models import EmailAddress

from portal.embedded.state import State
from tenants import keys, people
from tenants.context import acting_for, as_operator
from tenants.models import Role, Tenant, User

EMAIL = "demo@viseme.example"


def demo(state: State) -> dict[str, Any]:
    """`email`, `password` and `key`, made again if the database does not know them."""
    known = state.section("demo")
    if "key" not in known or keys.find(known["key"]) is None:
        known.update(_make(known))
        state.save()
    return known


def _make(known: dict[str, Any]) -> dict[str, Any]:
    with as_operator("demo sign-in"):
        user = User.objects.filter(email=EMAIL).first()
        if user is None:
            tenant = people.create_tenant("Demo studio", slug="demo")
            membership, password = people.add_member(tenant, EMAIL, Role.OWNER)
            user = membership.user
            user.is_staff = user.is_superuser = True  # who runs the demo is the operator as well
            user.save(update_fields=["is_staff", "is_superuser"])
            known = {"email": EMAIL, "password": password}
        EmailAddress.objects.get_or_create(
            user=user, email=EMAIL, defaults={"verified": True, "primary": True}
        )
        tenant = Tenant.objects.get(slug="demo")
    with acting_for(tenant.id):
        _, secret = keys.create("bin/demo", by=user)
    return {**known, "key": secret}
