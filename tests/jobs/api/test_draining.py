"""What is refused is read to its end, so that the client sees the answer; but not for ever."""

import socket
import threading
from contextlib import suppress

import pytest
from django.test import RequestFactory
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import SocketUnreader

from jobs.api import bodies

ANNOUNCED = 100_000


@pytest.fixture
def line():
    """Both ends of a connection, and the request that the server reads from its own."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(60)
        request = RequestFactory().post("/process")
        request._stream = Body(LengthReader(SocketUnreader(ours), ANNOUNCED))
        request.META["gunicorn.socket"] = ours
        yield ours, theirs, request


def test_a_client_that_drips_its_body_is_read_for_a_bounded_time(line, monkeypatch):
    ours, theirs, request = line
    monkeypatch.setattr(bodies, "DRAIN_SECONDS", 0.2)
    over, heard_out = threading.Event(), threading.Event()

    def drip() -> None:
        """For half a minute, or until nobody listens any more."""
        with suppress(OSError):
            for _ in range(1500):
                theirs.send(b".")
                if over.wait(0.02):
                    return
            heard_out.set()
            theirs.shutdown(socket.SHUT_WR)

    dripping = threading.Thread(target=drip, daemon=True)
    dripping.start()
    bodies.drain(request)
    over.set()
    dripping.join()
    assert not heard_out.is_set()
    ours.sendall(b"HTTP/1.1 413")  # the answer still reaches the client
    assert theirs.recv(100) == b"HTTP/1.1 413"


def test_a_body_that_comes_is_read_to_its_end_and_the_connection_stays(line):
    ours, theirs, request = line
    sender = threading.Thread(target=theirs.sendall, args=(b"x" * ANNOUNCED,))
    sender.start()
    bodies.drain(request)
    sender.join()
    theirs.send(b"next")
    assert ours.recv(100) == b"next"
