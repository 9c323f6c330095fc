import socket

from django.http import HttpResponse
from django.test import RequestFactory

from portal.patience import SILENCE_SECONDS, Patience


def test_a_client_that_does_nothing_is_waited_for_within_a_bound():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = RequestFactory().get("/", **{"gunicorn.socket": ours})
        assert Patience(lambda _: HttpResponse("ok"))(request).status_code == 200
        assert ours.gettimeout() == SILENCE_SECONDS


def test_a_process_asks_the_database_anew_well_within_the_shortest_lease(settings):
    """Its pool would try ever more rarely: at 31 s, at 63 s, at 127 s."""
    pool = settings.DATABASES["default"]["OPTIONS"]["pool"]
    assert pool["reconnect_timeout"] + pool["timeout"] <= settings.JOB_LEASE_SECONDS / 3
