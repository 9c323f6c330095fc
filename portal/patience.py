"""No client may hold a thread by doing nothing."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

SILENCE_SECONDS = 30


class Patience:
    """Django middleware: bounds each read of a body and each write of an answer.

    gunicorn's threads wait on a client's socket for as long as it stays open; eight clients that
    announce a body and never send it would be the end of the site.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if (socket := request.META.get("gunicorn.socket")) is not None:
            socket.settimeout(SILENCE_SECONDS)
        return self.get_response(request)
