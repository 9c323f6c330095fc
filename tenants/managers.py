from typing import Any

from django.contrib.auth.base_user import BaseUserManager
from django.db import models

from tenants.context import current
from tenants.errors import NoTenantContext


class TenantManager(models.Manager):
    """The first of the two fences; row-level security is the second.

    Raises NoTenantContext outside acting_for() and as_operator().
    """

    def get_queryset(self) -> models.QuerySet:
        context = current()
        if context is None:
            raise NoTenantContext(self.model._meta.label)
        rows = super().get_queryset()
        return rows if context.tenant_id is None else rows.filter(tenant=context.tenant_id)


class UserManager(BaseUserManager):
    """E-mail is the login, kept in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Any:
        user: Any = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> Any:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> Any:
        return self.get(email=self.normalize_email(username))
