"""The command line: `python -m inference bundle make | verify | fetch`."""

import argparse
import sys
from pathlib import Path
from typing import Any, TextIO

from inference.errors import BadCheckpoint, BadOption

DONE, BROKEN = 0, 1


def add_to(commands: Any) -> None:
    """Add `bundle` and its own commands to argparse's subparsers."""
    bundle = commands.add_parser("bundle", help="make, verify or fetch the folder of a model")
    own = bundle.add_subparsers(required=True, metavar="COMMAND")
    _add_make(own)
    _add_verify(own)
    _add_fetch(own)


def _add_make(own: Any) -> None:
    make = own.add_parser("make", help="make the bundle OUT of files that were downloaded")
    make.add_argument("--unet", type=Path, required=True, help="latentsync_unet.pt, v1.5 or v1.6")
    make.add_argument("--whisper", type=Path, required=True, help="OpenAI's tiny.pt")
    make.add_argument("--vae", type=Path, required=True, help="folder of sd-vae-ft-mse")
    faces = "folder of InsightFace's buffalo_l, RESEARCH ONLY (default: the built-in finder)"
    make.add_argument("--faces", type=Path, help=faces)
    resolution = "pixels, 256 for v1.5 and 512 for v1.6 (default: found in the UNet's path)"
    make.add_argument("--resolution", type=int, help=resolution)
    make.add_argument("--version", help="of the model (default: found likewise)")
    note = "what the manifest says of a file, such as --license unet='our own'; may be repeated"
    make.add_argument("--license", action="append", default=[], metavar="ROLE=NOTE", help=note)
    _add_common(make)
    make.set_defaults(command=run_make)


def _add_verify(own: Any) -> None:
    verify = own.add_parser(
        "verify", help="check every file of a bundle; exit status 1 if one fails"
    )
    verify.add_argument("bundle", type=Path)
    verify.set_defaults(command=run_verify)


def _add_fetch(own: Any) -> None:
    fetch = own.add_parser(
        "fetch", help="bring the public files from the hub and make the bundle OUT"
    )
    fetch.add_argument("--model", default="1.6", help="LatentSync's version: 1.6 (default) or 1.5")
    faces = "builtin (default; commercial use allowed) or insightface (RESEARCH ONLY)"
    fetch.add_argument("--faces", default="builtin", choices=["builtin", "insightface"], help=faces)
    accept = "say yes to all licences that are shown"
    fetch.add_argument("--accept-licenses", action="store_true", help=accept)
    book = "book of hashes (default: bundle-hashes.json beside OUT)"
    fetch.add_argument("--hashes", type=Path, metavar="FILE", help=book)
    downloads = "where downloads are kept until the bundle is made (default: beside OUT)"
    fetch.add_argument("--downloads", type=Path, metavar="DIR", help=downloads)
    fetch.add_argument("--keep-downloads", action="store_true", help="don't remove them at the end")
    _add_common(fetch)
    fetch.set_defaults(command=run_fetch)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mask", type=Path, help="LatentSync's mask.png (default: one is drawn)")
    parser.add_argument("--name", help="of the bundle (default: latentsync-VERSION)")
    parser.add_argument("--label", help="shown to people (default: LatentSync VERSION)")
    sizes = (
        "JSON with the UNet's sizes, if it is no official one: UNetConfig's or LatentSync's names"
    )
    parser.add_argument("--unet-config", type=Path, metavar="FILE", help=sizes)
    parser.add_argument("out", type=Path)


def run_make(given: argparse.Namespace) -> int:
    from inference.bundle.making import Recipe, make
    from inference.progress import Meter

    recipe = Recipe(
        unet=given.unet,
        whisper=given.whisper,
        vae=given.vae,
        faces=given.faces,
        resolution=given.resolution,
        version=given.version,
        licenses=_licenses(given.license),
        **_common(given),
    )
    with Meter(sys.stderr) as meter:
        manifest = make(recipe, given.out, meter)
    return _tell(given.out, manifest)


def run_verify(given: argparse.Namespace) -> int:
    from inference.bundle.checking import check
    from inference.model.manifest import notices, read_manifest

    good = True
    for finding in check(given.bundle):
        print(finding, flush=True)
        good &= finding.good
    manifest = read_manifest(given.bundle)
    print(_summary(manifest) + (": whole" if good else ": NOT usable"))
    _warn(notices(manifest), sys.stderr)
    return DONE if good else BROKEN


def run_fetch(given: argparse.Namespace) -> int:
    from inference.bundle.fetching import Place, accept, fetch
    from inference.bundle.hub import Hub
    from inference.bundle.sources import MODELS, chosen
    from inference.progress import Meter

    if given.model not in MODELS:
        raise BadOption(f"There is no model {given.model}; there is {', '.join(MODELS)}.")
    sources = chosen(given.model, insightface=given.faces == "insightface")
    accept(sources, accepted=given.accept_licenses, ask=sys.stdin, say=_say)
    place = Place.beside(given.out, given.hashes, given.downloads)
    recipe = {"version": given.model, **_common(given)}
    with Meter(sys.stderr) as meter:
        manifest = fetch(
            place,
            sources,
            recipe,
            hub=Hub(),
            say=_say,
            on_progress=meter,
            keep_downloads=given.keep_downloads,
        )
    return _tell(given.out, manifest)


def _common(given: argparse.Namespace) -> dict[str, Any]:
    config = given.unet_config and _unet_config(given.unet_config)
    return {"mask": given.mask, "name": given.name, "label": given.label, "unet_config": config}


def _unet_config(path: Path) -> Any:
    from inference.model.unet.config import UNetConfig
    from inference.model.weight_files import read_json

    told = read_json(path)
    try:
        official = "block_out_channels" in told
        return UNetConfig.from_official(told) if official else UNetConfig.from_mapping(told)
    except (TypeError, ValueError, KeyError) as wrong:
        raise BadCheckpoint(f"{path} describes no UNet of ours: {wrong}.") from None


def _licenses(notes: list[str]) -> dict[str, str]:
    from inference.bundle.licenses import NOTES

    told = dict(note.partition("=")[::2] for note in notes)
    unknown = sorted(told.keys() - NOTES.keys())
    if unknown or not all(told.values()):
        raise BadOption(f"--license wants ROLE=NOTE, the role one of {', '.join(NOTES)}.")
    return told


def _tell(out: Path, manifest: dict[str, Any]) -> int:
    from inference.model.manifest import notices

    print(out)
    print(_summary(manifest))
    if manifest["resolution_was"] == "assumed":
        wrong = "Nothing says whether this UNet is v1.5 or v1.6: it was taken for "
        wrong += (
            f"v{manifest['version']} ({manifest['resolution']} px). If that is wrong, make the "
        )
        _warn([wrong + "bundle again with --resolution 256."], sys.stderr)
    _warn(notices(manifest), sys.stderr)
    return DONE


def _summary(manifest: dict[str, Any]) -> str:
    how = manifest.get("resolution_was")
    told = f" ({how})" if how else ""
    return (
        f"{manifest['label']}, version {manifest['version']}, {manifest['resolution']} px{told}, "
        f"finder {manifest['finder']}"
    )


def _warn(lines: list[str], stream: TextIO) -> None:
    for line in lines:
        print(f"NOTICE: {line}", file=stream)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
