"""For load balancers: this process answers."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class Alive:
    """Middleware, before all others: who asks here names no host of ours and speaks plain HTTP.

    It asks neither database nor queue: a pod must not be killed for their troubles.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path != "/healthz":
            return self.get_response(request)
        return HttpResponse("ok", content_type="text/plain", headers={"Cache-Control": "no-store"})
