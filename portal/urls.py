"""The addresses: the guide's four and the API, the portal's pages, sign-in, the admin."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.cache import never_cache

admin.site.site_header = "Viseme operations"
admin.site.site_title = "Viseme"


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """For load balancers: this process answers. It asks neither database nor queue."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("healthz", healthz),
    path("account/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("jobs.api.urls")),
    path("", include("portal.pages.urls")),
]
