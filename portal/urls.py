"""The addresses: the guide's four and the API, the portal's pages, sign-in, the admin."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

admin.site.site_header = "Viseme operations"
admin.site.site_title = "Viseme"
# By the portal's own sign-in: its second factor and its count of attempts hold here too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("account/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("jobs.api.urls")),
    path("", include("portal.pages.urls")),
]
