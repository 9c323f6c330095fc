"""The engine alone: `python -m inference sync | verify | probe | bundle`.

Standard output is the result's; progress and errors go to standard error. Exit code 0: done; 2: the
input was refused (`code: sentence`); 1: something of ours failed, or a golden did.
"""

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from inference.bundle import commands as bundle
from inference.errors import BadOption, EngineError
from inference.options import SyncOptions
from inference.progress import Meter
from inference.threads import wait_asleep

DONE, OUR_FAULT, REFUSED = 0, 1, 2
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    wait_asleep()
    try:
        code: int = given.command(given)
    except EngineError as error:
        hint = f" {error.hint}" if error.hint else ""
        print(f"{error.code}: {error}{hint}", file=sys.stderr)
        return REFUSED if error.refusal else OUR_FAULT
    except KeyboardInterrupt:
        print("canceled: Stopped; nothing was left behind.", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        print(f"engine_fault: {error.strerror}: {error.filename}", file=sys.stderr)
        return OUR_FAULT
    return code


def _stop(*_: object) -> NoReturn:
    """End as Ctrl-C does, so that temporary files go."""
    raise KeyboardInterrupt


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m inference", description=__doc__.split("\n")[0])
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    sync = commands.add_parser("sync", help="make VIDEO speak AUDIO, written to OUT as mp4")
    for name in ("video", "audio", "out"):
        sync.add_argument(name, type=Path)
    default = SyncOptions()
    sync.add_argument("--bundle", type=Path, help="folder of a model (default: the demo model)")
    sync.add_argument("--steps", type=int, default=default.steps)
    sync.add_argument("--guidance", type=float, default=default.guidance)
    sync.add_argument("--seed", type=int, default=default.seed)
    sync.add_argument("--device", default=default.device, help="auto, cpu, cuda, cuda:1 ...")
    sync.set_defaults(command=run_sync)

    verify = commands.add_parser("verify", help="compare this engine with a folder of goldens")
    verify.add_argument("folder", type=Path)
    verify.add_argument("--strict", action="store_true", help="a golden that is absent fails")
    verify.set_defaults(command=run_verify)

    probe = commands.add_parser("probe", help="say as JSON what a media file is")
    probe.add_argument("file", type=Path)
    probe.set_defaults(command=run_probe)

    bundle.add_to(commands)
    return top


def run_sync(given: argparse.Namespace) -> int:
    from inference.inputs import check_inputs

    options = SyncOptions(given.steps, given.guidance, given.seed, given.device).check()
    _check_place(given)
    with Meter(sys.stderr) as meter:
        meter("probe", 0, 1)
        check_inputs(given.video, given.audio)  # before the model takes its time to load
        result = _synced(given, options, meter)
    print(given.out)
    print(json.dumps(result, indent=2))
    return DONE


def _check_place(given: argparse.Namespace) -> None:
    out: Path = given.out
    if not out.parent.is_dir() or out.is_dir():
        raise BadOption(f"{out} can't be written: it is a folder, or its folder is missing.")
    if any(out.resolve() == source.resolve() for source in (given.video, given.audio)):
        raise BadOption("The result would overwrite its own source.")


def _synced(given: argparse.Namespace, options: SyncOptions, meter: Meter) -> dict[str, Any]:
    from inference.checkpoint import DEMO_BUNDLE, load_bundle
    from inference.device import choose_device
    from inference.pipeline import sync

    meter("model", 0, 1)
    model = load_bundle(given.bundle or DEMO_BUNDLE, choose_device(options.device))
    # Beside the result: on the same disk, so that finishing is a rename.
    with tempfile.TemporaryDirectory(prefix=".viseme-", dir=given.out.parent) as workdir:
        result = sync(
            given.video,
            given.audio,
            given.out,
            model=model,
            options=options,
            workdir=Path(workdir),
            on_progress=meter,
        )
    return result.to_mapping()


def run_verify(given: argparse.Namespace) -> int:
    from inference.verify import run

    return int(run(given.folder, strict=given.strict))


def run_probe(given: argparse.Namespace) -> int:
    from inference.media import probe

    print(json.dumps(probe(given.file).to_mapping(), indent=2))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
