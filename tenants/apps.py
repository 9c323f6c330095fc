from django.apps import AppConfig
from django.db.backends.signals import connection_created


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from tenants import guard

        connection_created.connect(guard.refuse_wrong_role, dispatch_uid="tenants.guard")
