class TenantError(Exception):
    """Something of this app refused, with a stable code."""

    code = "tenant_error"


class NoTenantContext(TenantError):
    """A tenant's rows were asked for outside acting_for() and as_operator()."""

    code = "no_tenant_context"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"{model} belongs to tenants: wrap the call in acting_for(tenant_id), "
            "or in as_operator(reason) for work over all tenants."
        )


class WrongDatabaseRole(TenantError):
    """Row-level security would not bind the role that the application connects as."""

    code = "wrong_database_role"

    def __init__(self, role: str, why: str) -> None:
        super().__init__(
            f"The application connects to PostgreSQL as {role}, which {why}: tenants would not be "
            "kept apart. Let DATABASE_URL name viseme_app (manage.py create_roles makes it)."
        )


class EmailTaken(TenantError):
    code = "email_taken"

    def __init__(self, email: str) -> None:
        super().__init__(f"{email} is a member of this tenant already.")


class LastOwner(TenantError):
    """Somebody must be able to let others in."""

    code = "last_owner"

    def __init__(self, email: str) -> None:
        super().__init__(f"{email} is the only owner of this tenant: make another one first.")


class UnknownScope(TenantError):
    code = "unknown_scope"

    def __init__(self, scope: str, known: list[str]) -> None:
        super().__init__(f"There is no scope {scope!r}; a key can have {', '.join(known)}.")


class UnknownTenant(TenantError):
    code = "unknown_tenant"

    def __init__(self, named: str) -> None:
        super().__init__(f"There is no tenant {named!r}; `manage.py tenants list` shows them.")


class SlugTaken(TenantError):
    code = "tenant_exists"

    def __init__(self, slug: str) -> None:
        super().__init__(f"There is a tenant {slug!r} already.")
