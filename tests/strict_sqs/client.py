"""How a test steers a strict queue server that runs in another process."""

import json
from base64 import b64decode
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Kept:
    """A message in a queue. `state` is visible, held or delayed."""

    queue: str
    id: str
    body: str
    group: str | None
    dedup: str | None
    receives: int
    state: str

    @property
    def text(self) -> str:
        """The body as JSON, if it is one of ours."""
        try:
            return b64decode(self.body, validate=True).decode()
        except ValueError:
            return self.body


class Ordered:
    """A fault that was ordered."""

    def __init__(self, strict: "Strict", number: int) -> None:
        self._strict = strict
        self._number = number

    def struck(self) -> int:
        """How often it struck so far."""
        return next(
            (
                one["struck"]
                for one in self._strict.ask("GET", "_faults")
                if one["id"] == self._number
            ),
            0,
        )

    def heal(self) -> None:
        self._strict.ask("DELETE", f"_faults/{self._number}")


class Strict:
    """`address` as the server's clients have it, `http://127.0.0.1:PORT`."""

    def __init__(self, address: str) -> None:
        self.address = address

    def fault(self, action: str = "*", **how: Any) -> Ordered:
        """Order that calls go wrong from now on.

        action        SQS's name of the call, "*" for any
        queue         the queue's name; None: any
        when          before: it has no effect and fails. after: it has its effect and its answer is
                      lost (of receives, one that holds a message). delay: it is late.
                      repeat: a send is delivered twice, a received message stays visible as well
        error         cut (the connection ends), 503, throttled, or a code of SQS's
        times         how often; None: until healed
        skip          how many such calls go well first
        chance, seed  how likely each is struck, the same again for the same seed
        milliseconds  of a delay; healed, it ends sooner

        boto3 repeats a call twice by itself: `times=1` tests that, `times=3` fails a call of ours.
        """
        return Ordered(self, self.ask("POST", "_faults", action=action, **how)["id"])

    def heal(self) -> None:
        """No fault strikes any more."""
        self.ask("DELETE", "_faults")

    def messages(self, queue: str | None = None) -> list[Kept]:
        told = self.ask("GET", "_state")["queues"]
        return [
            Kept(queue=name, **message)
            for name, one in told.items()
            if queue in (None, name)
            for message in one["messages"]
        ]

    def naming(self, text: str) -> list[Kept]:
        """Messages whose body holds the text: an id, say."""
        return [message for message in self.messages() if text in message.text]

    def remembered(self, queue: str) -> set[str]:
        """Deduplication ids for which a send to the queue would be swallowed."""
        return set(self.ask("GET", "_state")["queues"][queue]["remembered"])

    def history(self, action: str | None = None, queue: str | None = None) -> list[dict[str, Any]]:
        """A line for each call: at, action, queue, id, dedup, group, receives, error, fault."""
        lines: list[dict[str, Any]] = self.ask("GET", "_state?history=1")["history"]
        return [
            line
            for line in lines
            if action in (None, line["action"]) and queue in (None, line["queue"])
        ]

    def purge(self, queue: str | None = None) -> None:
        """Empty a queue, or all of them; what is held too."""
        self.ask("POST", "_purge", queue=queue)

    def show(self, queue: str) -> None:
        """End all holds of the queue: its messages are there for the next who asks."""
        self.ask("POST", "_show", queue=queue)

    def shift(self, seconds: float) -> None:
        """Set the server's clock forward."""
        self.ask("POST", "_clock", shift=seconds)

    def ask(self, method: str, path: str, **told: Any) -> Any:
        request = Request(
            f"{self.address}/{path}",
            data=json.dumps(told).encode() if method == "POST" else None,
            method=method,
        )
        with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)
