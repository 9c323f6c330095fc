from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps  # AdminConfig by name would be a default


class PortalConfig(AppConfig):
    name = "portal"
    default = True


class OperationsConfig(admin_apps.AdminConfig):
    """django.contrib.admin with a site of ours."""

    default_site = "portal.operations.OperationsSite"
    default = False
