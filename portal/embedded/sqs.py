"""moto's SQS server on loopback, with the queues that the application looks up but never makes.

    python -m portal.embedded.sqs PORT

Its queues live in memory: started again it is empty, which the application must bear anyway.
"""

import logging
import os
import signal
import sys
import threading
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from portal.embedded.queues import make_queues
from portal.embedded.state import LOOPBACK

# moto accepts any; without one boto3 would look for real ones, on the network too.
CREDENTIALS = {"aws_access_key_id": "embedded", "aws_secret_access_key": "embedded"}


def client(port: int, *, region: str = "us-east-1") -> Any:
    endpoint = f"http://{LOOPBACK}:{port}"
    return boto3.client("sqs", region_name=region, endpoint_url=endpoint, **CREDENTIALS)


def serve(port: int) -> None:
    """Until SIGTERM or SIGINT."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # not a line for each request
    os.environ.setdefault("MOTO_PORT", str(port))  # moto writes it into the queues' addresses
    ThreadedMotoServer(LOOPBACK, port, verbose=False).start()
    make_queues(client(port))
    over.wait()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
