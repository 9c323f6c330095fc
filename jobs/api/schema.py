"""The OpenAPI document, and a page that shows it. Both are public: they tell no secret."""

from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "jobs.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "vsm_live_..."}


class Schema(SpectacularAPIView):
    authentication_classes: list[type] = []
    permission_classes = [AllowAny]


# Swagger UI writes style attributes. Its script is a file of ours: the split view serves it.
STYLES = {"style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, "data:"]}


@method_decorator(csp_update(STYLES), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    authentication_classes: list[type] = []
    permission_classes = [AllowAny]
    url_name = "api-schema"
