"""Bodies that are none of ours, or were made by a release before or after this one."""

import json
from base64 import b64encode
from typing import Any

GOOD = {
    "queue_name": "lipsync",
    "actor_name": "lipsync",
    "args": [],
    "kwargs": {"job_id": "one"},
    "options": {},
    "message_id": "1",
    "message_timestamp": 1,
}


def body(content: Any) -> str:
    return b64encode(json.dumps(content).encode()).decode()


def without(field: str) -> str:
    return body({name: value for name, value in GOOD.items() if name != field})


UNREADABLE = {
    "no base64": "not base64 of anything",
    "no JSON": b64encode(b"\xff no JSON").decode(),
    "a list": body([1, 2]),
    "a field too few": without("kwargs"),
    "a field too many": body({**GOOD, "signature": "of the next release"}),
    "no actor": body({**GOOD, "actor_name": None}),
    "options of another kind": body({**GOOD, "options": None}),
    "a list of arguments": body({**GOOD, "kwargs": ["one"]}),
    "no arguments": body({**GOOD, "kwargs": None}),
    "no id": body({**GOOD, "message_id": None}),
}
