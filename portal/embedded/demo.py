"""bin/demo: the whole product on this machine, shown by one video through the public API."""

import argparse
import errno
import signal
import sys
import time
from pathlib import Path
from typing import Any

from portal import environment
from portal.embedded import EmbeddedError
from portal.embedded.house import House
from portal.embedded.processes import Broken
from portal.embedded.state import only_one
from portal.embedded.walk import Api, Refused, draft_of

PORT = 8000
SAMPLE = environment.ROOT / "inference" / "demo" / "sample"
STOPPED = 130
REPEAT_SECONDS = 15


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/demo", description=__doc__)
    parser.add_argument("pair", type=Path, nargs="*", metavar="VIDEO AUDIO", help="a pair of files")
    parser.add_argument("--once", action="store_true", help="one video, then everything stops")
    parser.add_argument("--out", type=Path, help="where the result is written")
    parser.add_argument("--port", type=int, help=f"the portal's port (default {PORT})")
    given = parser.parse_args()
    if len(given.pair) not in (0, 2):
        parser.error("name a video and a voice, or neither for the bundled sample")
    given.video, given.audio = given.pair or (SAMPLE / "face.mp4", SAMPLE / "voice.wav")
    for file in (given.video, given.audio):
        if not file.is_file():
            parser.error(f"{file} is a folder" if file.is_dir() else f"there is no file {file}")
    if given.out and (why := unwritable(given.out)):
        parser.error(f"--out {given.out} can't be written: {why}")
    return given


def unwritable(out: Path) -> str:
    """Why a result can't be written there, empty if it can: asked before minutes of work."""
    if out.exists() and not out.is_file():
        return "it is a folder" if out.is_dir() else "it is no ordinary file"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        draft_of(out).touch()
        draft_of(out).unlink()
    except OSError as problem:
        return (problem.strerror or str(problem)).lower()
    return ""


class Teller:
    """One line on a terminal that is written over; elsewhere a line when the phase changes, and
    at least every REPEAT_SECONDS."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.told, self.told_at = "", self.begun
        self.on_terminal = sys.stdout.isatty()

    def say(self, text: str) -> None:
        print(("\r\033[K" if self.on_terminal else "") + text, flush=True)

    def progress(self, status: Any) -> None:
        phase = f"{status['state']} {status.get('phase') or ''}".strip()
        line = f"  {phase} {status.get('percent') or 0:.0f} %  {self.seconds}"
        if self.on_terminal:
            print(f"\r\033[K{line}", end="", flush=True)
        elif phase != self.told or time.monotonic() - self.told_at >= REPEAT_SECONDS:
            print(line, flush=True)
            self.told, self.told_at = phase, time.monotonic()

    @property
    def seconds(self) -> str:
        return f"{time.monotonic() - self.begun:.0f} s"


def show(house: House, given: argparse.Namespace, teller: Teller) -> None:
    """One video, there and back. Raises Refused, Broken, OSError."""
    api = Api(house.address, house.sign_in["key"])
    teller.say(f"sending {given.video.name} and {given.audio.name} through the API")
    job = api.submit(given.video, given.audio)

    def told(status: Any) -> None:
        house.watch()
        teller.progress(status)

    api.follow(job["id"], told)
    out = given.out or house.home / "results" / f"{given.video.stem}-{job['id'][-8:]}.mp4"
    out.parent.mkdir(parents=True, exist_ok=True)
    api.download(job["id"], out)
    teller.say(f"result: {out.absolute()}")


def stay(house: House, given: argparse.Namespace, teller: Teller) -> None:
    """The portal until Ctrl-C. The sample is sent by the first start alone."""
    teller.say(f"portal:  {house.address}")
    teller.say(f"sign in: {house.sign_in['email']}  password: {house.sign_in['password']}")
    teller.say(f"API key: {house.sign_in['key']}")
    ports = house.state.section("metrics")
    teller.say("metrics: " + ", ".join(f"{name} on port {port}" for name, port in ports.items()))
    if given.pair or "shown" not in house.sign_in:
        try:
            show(house, given, teller)
            house.note_shown()
        except Refused as refusal:
            teller.say(f"the video was not made: {refusal}")
    teller.say("Ctrl-C stops everything; what was made is kept")
    while True:
        house.watch()
        time.sleep(1)


def run(given: argparse.Namespace) -> None:
    teller = Teller()
    home = environment.home()
    # With --once nobody opens the portal: any port will do.
    port = given.port if given.once else given.port or PORT
    teller.say("starting database, queue, workers and portal")
    with only_one(home), House(home, web_port=port, say=teller.say) as house:
        teller.say(f"everything runs  {teller.seconds}")
        (show if given.once else stay)(house, given, teller)


def explain(problem: OSError) -> str:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full: free some space, or name another folder with VISEME_HOME."
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{problem.filename} can't be written: name another folder (VISEME_HOME, --out)."
    return str(problem)


def main() -> int:
    given = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        run(given)
    except KeyboardInterrupt:
        print("\nstopped")
        return STOPPED if given.once else 0
    except (Refused, EmbeddedError, Broken) as problem:
        print(f"bin/demo: {problem}", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"bin/demo: {explain(problem)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
