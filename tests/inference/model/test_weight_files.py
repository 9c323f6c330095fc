from pathlib import Path

import pytest
import torch

from inference.bundle.tensors import HalfTensorFile
from inference.model import weight_files
from inference.model.network_files import load_unet, unet_checkpoint
from inference.model.weight_files import in_pieces
from tests.inference import small

COUNT, SIDE = 24, 1024  # of the matrices in a file; 2 MB each in fp16
MB = 1_000_000


@pytest.fixture(params=["weights.safetensors", "weights.pt"])
def large(request, tmp_path):
    """48 MB of ones on the disk."""
    path = tmp_path / request.param
    ones = torch.ones(SIDE, SIDE, dtype=torch.float16)
    if path.suffix == ".pt":
        torch.save({f"w{i}": ones.clone() for i in range(COUNT)}, path)
        return path
    with HalfTensorFile(path, {f"w{i}": (SIDE, SIDE) for i in range(COUNT)}) as file:
        for i in range(COUNT):
            file.write(f"w{i}", ones)
    return path


def mapped_bytes(path):
    """Of this file, resident in this process."""
    size, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0]:  # the head of a mapping; what follows tells of it
            ours = line.endswith(str(path.resolve()))
        elif ours and line.startswith("Rss:"):
            size += int(line.split()[1]) * 1024
    return size


def test_pages_that_were_copied_are_given_back_with_their_piece(large, monkeypatch):
    monkeypatch.setattr(weight_files, "PIECE_BYTES", 8 * MB)
    seen, pieces = [], 0
    for piece in in_pieces(large, lambda held: held):
        assert all(weight.float().mean() == 1 for weight in piece.values())
        seen.append(mapped_bytes(large))
        pieces += 1
        del piece
    assert pieces == 8
    assert 4 * MB < max(seen) < 20 * MB


def test_a_mapped_file_takes_no_memory_before_it_is_read(large):
    held = weight_files.read_weights(large)
    assert len(held) == COUNT
    assert mapped_bytes(large) < 4 * MB


@pytest.mark.parametrize("dtype", [None, torch.float32, torch.float16])
def test_a_network_in_many_pieces_is_the_same_network(tmp_path, monkeypatch, dtype):
    expected = small.unet().state_dict()
    torch.save({"state_dict": expected}, tmp_path / "unet.pt")
    monkeypatch.setattr(weight_files, "PIECE_BYTES", MB // 4)
    found = unet_checkpoint(tmp_path / "unet.pt", small.UNET).load(dtype=dtype).state_dict()
    assert found.keys() == expected.keys()
    for name, weight in found.items():
        assert torch.equal(weight, expected[name].to(dtype or torch.float32))


def test_no_number_of_a_network_is_left_unset(tmp_path):
    torch.save({"state_dict": small.unet().state_dict()}, tmp_path / "unet.pt")
    network = load_unet(tmp_path / "unet.pt", small.UNET)
    held = [*network.parameters(), *network.buffers()]
    assert not any(tensor.is_meta for tensor in held)


def test_a_tensor_file_takes_only_what_was_announced(tmp_path):
    with (
        pytest.raises(ValueError, match="not the next"),
        HalfTensorFile(tmp_path / "x.safetensors", {"a": (2,), "b": (3,)}) as file,
    ):
        file.write("b", torch.zeros(3))
    with (
        pytest.raises(ValueError, match="b was never written"),
        HalfTensorFile(tmp_path / "x.safetensors", {"a": (2,), "b": (3,)}) as file,
    ):
        file.write("a", torch.zeros(2))
