"""Times are shown in the viewer's time zone, which the browser tells in a cookie."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "viewer_zone"


class ViewerZone:
    """Activates the cookie's zone for the request; UTC until the first page has set the cookie."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.known = available_timezones()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = request.COOKIES.get(COOKIE, "")
        # Only a listed name: ZoneInfo opens a file of the name that it is given.
        zone = ZoneInfo(name) if name in self.known else None
        with timezone.override(zone):
            return self.get_response(request)
