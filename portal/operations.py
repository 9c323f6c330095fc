"""The operator's admin: Django's, seen by people with is_staff, over all tenants."""

from datetime import UTC
from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from tenants.context import as_operator


class OperationsSite(AdminSite):
    """Each request is one transaction of the operator's, its page included.

    Its times are UTC, as in the logs and the shell, wherever the operator's browser is.
    """

    site_header = "Viseme operations"
    site_title = "Viseme"
    index_title = "Operations"
    site_url = "/"
    enable_nav_sidebar = True

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        def as_the_operator(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            reason = f"admin: {request.method} {request.path}"
            with as_operator(reason), timezone.override(UTC):
                response: HttpResponse = view(request, *args, **kwargs)
                # A template asks the database while it is rendered, which would be too late.
                if isinstance(response, TemplateResponse):
                    response.render()
                return response

        return super().admin_view(as_the_operator, cacheable)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """By the portal's own sign-in, with its second factor and its limits on guessing."""
        return secure_admin_login(super().login)(request, extra_context)
