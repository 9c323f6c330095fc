"""python -m inference.demo train | evaluate | sample | draw"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from inference.threads import wait_asleep


def main() -> None:
    wait_asleep()
    arguments = _parser().parse_args()
    arguments.run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m inference.demo", description=__doc__)
    commands = parser.add_subparsers(required=True)

    train = commands.add_parser("train", help="make the demo model; goes on where it was cut off")
    train.add_argument("--out", type=Path, required=True, metavar="DIR")
    train.add_argument("--seed", type=int, default=1)
    train.set_defaults(run=_train)

    evaluate = commands.add_parser("evaluate", help="does the voice drive the lips?")
    evaluate.add_argument("--bundle", type=Path, metavar="DIR", help="default: the shipped one")
    evaluate.add_argument("--pairs", type=int, default=20)
    evaluate.add_argument("--first", type=int, default=0, metavar="N", help="number of the first")
    evaluate.add_argument("--steps", type=int, default=20)
    evaluate.add_argument("--guidance", type=float, default=1.5)
    evaluate.add_argument("--report", type=Path, metavar="FILE", help="write the figures as JSON")
    evaluate.add_argument(
        "--pictures", type=Path, metavar="DIR", help="write a sheet for each pair"
    )
    evaluate.set_defaults(run=_evaluate)

    sample = commands.add_parser("sample", help="make the bundled pair of a film and a voice")
    sample.add_argument("--out", type=Path, metavar="DIR", help="default: where it is shipped")
    sample.set_defaults(run=_sample)

    draw = commands.add_parser("draw", help="draw some of the invented faces")
    draw.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    draw.set_defaults(run=_draw)
    return parser


def _train(arguments: argparse.Namespace) -> None:
    from inference.demo.training.stages import train_all

    train_all(arguments.out, arguments.seed)


def _evaluate(arguments: argparse.Namespace) -> None:
    import torch

    from inference.demo.proof import evaluate
    from inference.model.checkpoint import DEMO_BUNDLE, load_bundle

    model = load_bundle(arguments.bundle or DEMO_BUNDLE, torch.device("cpu"))
    result = evaluate(
        model,
        numbers=range(arguments.first, arguments.first + arguments.pairs),
        steps=arguments.steps,
        guidance=arguments.guidance,
        pictures=arguments.pictures,
    )
    print(json.dumps(result["summary"], indent=2))
    if arguments.report:
        arguments.report.write_text(json.dumps(result, indent=2) + "\n")


def _sample(arguments: argparse.Namespace) -> None:
    from inference.demo.sample import FOLDER, make

    make(arguments.out or FOLDER)


def _draw(arguments: argparse.Namespace) -> None:
    from inference.demo.faces import Mouth, Pose, invent
    from inference.demo.painting import draw

    rows = [
        np.hstack([draw(invent(8 * row + i), Pose(), Mouth(i / 7, 0.5)) for i in range(8)])
        for row in range(4)
    ]
    cv2.imwrite(str(arguments.out), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
