"""Small ONNX graphs with known numbers in the places of InsightFace's two files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)


def save(path: Path, nodes: Sequence[onnx.NodeProto], constants, entry, exits) -> Path:
    graph = helper.make_graph(
        list(nodes),
        "stand-in",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, entry)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in exits],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def red_detector(path: Path, distances, side: int = 64) -> Path:
    """Finds red: the score of an anchor of stride 8 is the mean red, -1..1, of the 8 x 8 pixels to
    its lower right. distances: (2, 4), of each anchor, in strides. No other stride finds anything;
    five points a face follow, as in the real file, and are zeros."""
    cells = side // 8
    constants = {
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "channel": np.array([1], np.int64),
        "flat": np.array([-1, 1], np.int64),
        "boxes8": np.tile(np.asarray(distances, np.float32), (cells * cells, 1)),
    }
    nodes = [
        helper.make_node("Slice", ["picture", "zero", "one", "channel"], ["red"]),
        helper.make_node("AveragePool", ["red"], ["mean"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Concat", ["mean", "mean"], ["twice"], axis=1),
        helper.make_node("Transpose", ["twice"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["last", "flat"], ["scores8"]),
    ]
    for stride in STRIDES:
        count = 2 * (side // stride) ** 2
        constants[f"points{stride}"] = np.zeros((count, 10), np.float32)
        if stride > 8:
            constants[f"scores{stride}"] = np.zeros((count, 1), np.float32)
            constants[f"boxes{stride}"] = np.zeros((count, 4), np.float32)
    exits = [f"{kind}{stride}" for kind in ("scores", "boxes", "points") for stride in STRIDES]
    nodes += [helper.make_node("Identity", [name], [f"out_{name}"]) for name in exits]
    return save(path, nodes, constants, [1, 3, side, side], [f"out_{name}" for name in exits])


def fixed_detector(path: Path, scores: dict[int, np.ndarray], boxes: dict[int, np.ndarray]) -> Path:
    """Gives these (n, 1) scores and (n, 4) distances by stride, whatever it is shown; its input's
    size is left open, so it is shown 640 pixels."""
    constants = {}
    for stride in STRIDES:
        count = 2 * (640 // stride) ** 2
        constants[f"scores{stride}"] = scores.get(stride, np.zeros((count, 1), np.float32))
        constants[f"boxes{stride}"] = boxes.get(stride, np.zeros((count, 4), np.float32))
    exits = [f"{kind}{stride}" for kind in ("scores", "boxes") for stride in STRIDES]
    nodes = [helper.make_node("Identity", [name], [f"out_{name}"]) for name in exits]
    return save(path, nodes, constants, [1, 3, "h", "w"], [f"out_{name}" for name in exits])


def red_landmarks(path: Path, offsets: np.ndarray) -> Path:
    """106 points around the middle of what is red, in the units of the real file (-1..1 over 192
    pixels). offsets: (106, 2), added to it."""
    line = np.arange(192, dtype=np.float32) / 96 - 1
    grid = np.stack(np.meshgrid(line, line)).reshape(2, -1).T
    constants = {
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "channel": np.array([1], np.int64),
        "flat": np.array([1, 192 * 192], np.int64),
        "grid": np.hstack([grid, np.ones((len(grid), 1), np.float32)]),
        "both": np.array([0, 1], np.int64),
        "third": np.array([2], np.int64),
        "tiny": np.float32(1e-6),
        "repeat": np.array([1, 106], np.int64),
        "offsets": np.asarray(offsets, np.float32).reshape(1, 212),
    }
    nodes = [
        helper.make_node("Slice", ["picture", "zero", "one", "channel"], ["red"]),
        helper.make_node("Reshape", ["red", "flat"], ["row"]),
        helper.make_node("MatMul", ["row", "grid"], ["sums"]),
        helper.make_node("Gather", ["sums", "both"], ["moments"], axis=1),
        helper.make_node("Gather", ["sums", "third"], ["mass"], axis=1),
        helper.make_node("Add", ["mass", "tiny"], ["some"]),
        helper.make_node("Div", ["moments", "some"], ["middle"]),
        helper.make_node("Tile", ["middle", "repeat"], ["everywhere"]),
        helper.make_node("Add", ["everywhere", "offsets"], ["fc1"]),
    ]
    return save(path, nodes, constants, [1, 3, 192, 192], ["fc1"])
