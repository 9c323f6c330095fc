"""The engine alone: `python -m inference sync | verify | probe | bundle`.

Standard output is the result's; progress and errors go to standard error. Exit status 0: done; 2:
the input was refused; 1: something of ours failed, or a golden did; both with `code: sentence`.
"""

import argparse
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from inference.arguments import (
    NETWORKS,
    Parser,
    add_options,
    check_network,
    check_place,
    check_segments,
    options_of,
    seconds,
)
from inference.bundle import commands as bundle
from inference.errors import EngineError
from inference.memory import give_back_frames
from inference.options import SyncOptions
from inference.progress import Meter
from inference.speakers import sounds
from inference.threads import wait_asleep

DONE, OUR_FAULT, REFUSED = 0, 1, 2
STOPS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED, UNHEARD = 128 + signal.SIGINT, 128 + signal.SIGPIPE


def main(arguments: list[str] | None = None) -> int:
    """The exit status; everything else has been said by then."""
    with _stoppable() as heard:
        status = _done(arguments)
        # What breaks because it is stopped is no fault: a media process that heard it first, or a
        # library that makes an error of its own of the interrupt.
        return INTERRUPTED if status == OUR_FAULT and _is_stopped(heard) else status


def _done(arguments: list[str] | None) -> int:
    wait_asleep()
    give_back_frames()
    try:
        _let_any_name_be_printed()
        given = parser().parse_args(arguments)
        code: int = given.command(given)
        sys.stdout.flush()
    except EngineError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            return _unheard()
        hint = f" {error.hint}" if error.hint else ""
        print(f"{error.code}: {error}{hint}", file=sys.stderr)
        return REFUSED if error.refusal else OUR_FAULT
    except KeyboardInterrupt:
        print("canceled: Stopped; no result was written.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return _unheard()
    except OSError as error:
        print(f"engine_fault: {error.strerror}: {error.filename}", file=sys.stderr)
        return OUR_FAULT
    except Exception as error:
        traceback.print_exc()
        kind = type(error).__name__
        print(f"engine_fault: The engine failed unexpectedly ({kind}).", file=sys.stderr)
        return OUR_FAULT
    return code


def _let_any_name_be_printed() -> None:
    """A file's name is bytes, which need not be text; on standard error Python escapes such."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")


def _unheard() -> int:
    """Whoever read what is said has gone, as `head` does: no error, and nobody to tell of it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())  # or Python says at its end what it could not write
    return UNHEARD


@contextmanager
def _stoppable() -> Iterator[list[signal.Signals]]:
    """Ctrl-C and TERM end what is done here, unless they are ignored already, as an interrupt is by
    a command in a shell's background: gives those that are heard."""
    before = {number: signal.getsignal(number) for number in STOPS}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, _stop)
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(*_: object) -> NoReturn:
    """End so that temporary files go. Whoever is impatient and asks again must not stop that."""
    _stop_no_more()
    raise KeyboardInterrupt


def _is_stopped(heard: list[signal.Signals]) -> bool:
    return any(signal.getsignal(number) is signal.SIG_IGN for number in heard)


def _stop_no_more() -> None:
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)


def parser() -> argparse.ArgumentParser:
    top = Parser(prog="python -m inference", description=__doc__.split("\n")[0])
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    sync = commands.add_parser("sync", help="make VIDEO speak AUDIO, written to OUT as mp4")
    for name in ("video", "audio", "out"):
        sync.add_argument(name, type=Path)
    add_options(sync)
    sync.add_argument("--bundle", type=Path, help="folder of a model (default: the demo model)")
    sync.add_argument(
        "--network", help=f"{', '.join(NETWORKS)}: in the model's place, to test a pipeline"
    )
    sync.add_argument("--report", type=Path, metavar="FILE", help="faces.json is laid beside it")
    sync.add_argument(
        "--segments", type=Path, metavar="DIR", help="keep finished parts there, and go on after"
    )
    sync.add_argument(
        "--range",
        nargs=2,
        type=seconds,
        metavar=("FROM", "TO"),
        help="make only these seconds anew, joined with the earlier result in --segments",
    )
    sync.set_defaults(command=run_sync)

    verify = commands.add_parser("verify", help="compare this engine with a folder of goldens")
    verify.add_argument("folder", type=Path)
    verify.add_argument("--strict", action="store_true", help="a golden that is absent fails")
    verify.set_defaults(command=run_verify)

    probe = commands.add_parser("probe", help="say as JSON what the engine sees in a media file")
    probe.add_argument("file", type=Path)
    probe.add_argument("--bundle", type=Path, help="whose face finder looks (default: built in)")
    probe.add_argument("--no-faces", action="store_true", help="do not look for faces")
    probe.add_argument("--thumbnails", action="store_true", help="of the faces, as base64 JPEG")
    probe.set_defaults(command=run_probe)

    bundle.add_to(commands)
    return top


def run_sync(given: argparse.Namespace) -> int:
    from inference.inputs import check_inputs
    from inference.scratch import scratch

    options = options_of(given)
    check_network(given.network)
    sources = [given.video, given.audio]
    check_place(given.out, sources)
    if given.report:
        faces = given.report.with_name("faces.json")
        check_place(given.report, [*sources, given.out, faces])
        check_place(faces, [*sources, given.out])
    if given.segments:
        check_segments(given.segments)
    with Meter(sys.stderr) as meter:
        meter("probe", 0, 1)
        # Before the model takes its time to load.
        own = [Path(sound) for sound in sounds(options.face)]
        check_inputs(given.video, given.audio, own, named=True)
        if given.network is None:
            meter("model", 0, 1)
        network = _network(given, options)
        with scratch(given.out.parent) as workdir:
            result = _synced(given, options, network, workdir, meter)
    print(given.out)
    print(json.dumps(result, indent=2))
    return DONE


def _network(given: argparse.Namespace, options: SyncOptions) -> Any:
    from inference.model.checkpoint import DEMO_BUNDLE, load_bundle
    from inference.model.device import choose_device

    device = choose_device(options.device)
    if given.network is None:
        return load_bundle(given.bundle or DEMO_BUNDLE, device)

    from inference.model.stand_ins import stand_in

    return stand_in(given.network, given.bundle)


def _synced(
    given: argparse.Namespace, options: SyncOptions, network: Any, workdir: Path, meter: Meter
) -> dict[str, Any]:
    from inference.pipeline.lipsync import sync

    result = sync(
        given.video,
        given.audio,
        given.out,
        model=network,
        options=options,
        workdir=workdir,
        on_progress=meter,
        segments=given.segments,
        part=given.range and tuple(given.range),
        report=given.report,
    )
    return result.to_mapping()


def run_verify(given: argparse.Namespace) -> int:
    from inference.verify import run

    return int(run(given.folder, strict=given.strict))


def run_probe(given: argparse.Namespace) -> int:
    from inference.media import probe

    info = probe(given.file)
    told = info.to_mapping()
    if info.video is not None and not given.no_faces:
        from inference.inputs import tracks

        told["tracks"] = tracks(given.file, given.bundle, thumbnails=given.thumbnails)
    print(json.dumps(told, indent=2))
    return DONE


if __name__ == "__main__":
    status = main()
    _stop_no_more()  # there is nothing left to stop
    sys.exit(status)
