"""A pair of files through the public API, as a stranger's program would send it: HTTP and a key."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

FORM_LIMIT_BYTES = 8 << 20
CHUNK_BYTES = 1 << 20
POLL_SECONDS = 0.5
FINAL = ("succeeded", "failed", "canceled")

Answer = Mapping[str, Any]


class Refused(Exception):
    """The API said no, or the job failed; `code` is one of docs/api.md."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code


class Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: the key must not travel on to wherever it points."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Api:
    def __init__(self, address: str, key: str) -> None:
        self.address = address
        self.key = key
        self._opener = urllib.request.build_opener(Stay)

    def call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> tuple[Any, Message]:
        """The answer's JSON and headers. Raises Refused."""
        if body is not None and kind == "application/json":
            body = json.dumps(body).encode()
        headers = {"Content-Type": kind, "Authorization": f"Bearer {self.key}"}
        address = path if "://" in path else self.address + path
        request = urllib.request.Request(address, body, headers, method=method)
        try:
            with self._opener.open(request, timeout=60) as response:
                text = response.read()
                return (json.loads(text) if text else None), response.headers
        except urllib.error.HTTPError as answer:
            if answer.code in (301, 302, 303, 307):
                return None, answer.headers
            raise _refusal(answer) from None

    def submit(self, video: Path, audio: Path) -> Answer:
        """A form for a small pair, parts and their ids for a large one. Raises Refused."""
        if video.stat().st_size + audio.stat().st_size <= FORM_LIMIT_BYTES:
            boundary = uuid.uuid4().hex
            body = b"".join(_form(boundary, {"video": video, "audio": audio}))
            kind = f"multipart/form-data; boundary={boundary}"
            return self.call("POST", "/process", body, kind)[0]
        ids = {
            "video_upload": self.upload("video", video),
            "audio_upload": self.upload("audio", audio),
        }
        return self.call("POST", "/process", ids)[0]

    def upload(self, kind: str, file: Path) -> str:
        """The id of an upload made in parts. Raises Refused."""
        about = {"kind": kind, "name": file.name, "size_bytes": file.stat().st_size}
        upload, _ = self.call("POST", "/v1/uploads", about)
        with file.open("rb") as source:
            for part in upload["parts"]:
                _put(part["url"], source.read(part["size_bytes"]))
        self.call("POST", f"/v1/uploads/{upload['id']}/complete")
        return upload["id"]

    def follow(self, job: str, told: Callable[[Answer], None]) -> Answer:
        """The job's last status; `told` gets each one on the way. Raises Refused if it failed."""
        while True:
            status, _ = self.call("GET", f"/status/{job}")
            told(status)
            if status["state"] in FINAL:
                break
            time.sleep(POLL_SECONDS)
        if error := status.get("error"):
            raise Refused(error["code"], " ".join(filter(None, [error["message"], error["hint"]])))
        if status["state"] != "succeeded":
            raise Refused(status["state"], f"The job was {status['state']}.")
        return status

    def download(self, job: str, out: Path) -> None:
        """Write the result. Raises Refused, OSError."""
        _, headers = self.call("GET", f"/result/{job}")
        address = urljoin(self.address, headers["Location"])
        draft = draft_of(out)
        with urllib.request.urlopen(address, timeout=60) as source, draft.open("wb") as target:
            while chunk := source.read(CHUNK_BYTES):
                target.write(chunk)
        draft.replace(out)


def draft_of(out: Path) -> Path:
    """What a download is called until it is whole."""
    return out.with_name(out.name + ".part")


def _form(boundary: str, files: Mapping[str, Path]) -> Iterator[bytes]:
    for field, file in files.items():
        name = file.name.replace('"', "%22")
        yield (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        yield file.read_bytes() + b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _put(address: str, part: bytes) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(address, part, headers, method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=300):
            return
    except urllib.error.HTTPError as answer:
        raise _refusal(answer) from None


def _refusal(answer: urllib.error.HTTPError) -> Refused:
    """From problem+json; from something else, what can be said."""
    try:
        problem = json.loads(answer.read())
        sentence = problem.get("detail") or problem["title"]
        return Refused(problem["code"], " ".join(filter(None, [sentence, problem.get("hint")])))
    except (ValueError, KeyError, TypeError):
        return Refused(f"http_{answer.code}", f"{answer.url} answered {answer.code}.")
