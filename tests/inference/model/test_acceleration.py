import pytest
import torch

from inference.model import acceleration
from inference.model.acceleration import Passes
from inference.model.recording import Recorded
from inference.model.unet.config import WINDOW_FRAMES
from inference.model.unet.space import Heard
from tests.inference import small


class Replay:
    """Does what a CUDA graph does: computes from buffers of its own into buffers of its own."""

    made = 0

    def __init__(self, function, inputs):
        Replay.made += 1
        self.inputs = [given.clone() for given in inputs]
        self.function, self.outputs = function, function(*self.inputs)

    def play(self, inputs):
        for held, given in zip(self.inputs, inputs, strict=True):
            held.copy_(given)
        found = self.function(*self.inputs)
        pairs = (found, self.outputs) if isinstance(found, tuple) else ((found,), (self.outputs,))
        for new, old in zip(*pairs, strict=True):
            old.copy_(new)
        return self.outputs


def refuse(*_):
    raise RuntimeError("no kernel image\nand many lines more")


def window(frames=WINDOW_FRAMES, seed=1):
    torch.manual_seed(seed)
    sample = torch.randn(1, 13, frames, 8, 8)
    return sample, torch.randn(frames, 50, small.UNET.audio_width)


@pytest.fixture(autouse=True)
def _inference():
    Replay.made = 0
    with torch.inference_mode():
        yield


def test_recorded_passes_give_the_plain_network_s_numbers_for_each_window_and_step():
    network = small.unet()
    recorded = Passes(network, record=Replay)
    for seed, timestep in ((1, 951), (1, 901), (2, 951)):
        sample, audio = window(seed=seed)
        ours = recorded(sample, timestep, audio, beside_silence=True)
        plain = network(sample, timestep, audio, beside_silence=True)
        assert torch.allclose(ours, plain, atol=1e-5)
    assert Replay.made == 1


def test_each_kind_of_pass_is_recorded_for_itself():
    network = small.unet()
    recorded = Passes(network, record=Replay)
    sample, audio = window()
    heard = Heard(audio, beside_silence=True)
    deep, out = (part.clone() for part in recorded.deep_and_out(sample, 500, heard))
    again = recorded.out_of_deep(sample, 500, heard, deep)
    assert torch.allclose(again, out, atol=1e-5)
    assert torch.allclose(recorded(sample, 500, audio), network(sample, 500, audio), atol=1e-5)
    assert Replay.made == 3


def test_a_shorter_window_runs_as_it_is_written():
    recorded = Passes(small.unet(), record=Replay)
    sample, audio = window(frames=5)
    assert recorded(sample, 500, audio).shape[2] == 5
    assert Replay.made == 0


def test_a_function_is_recorded_once_for_each_set_of_shapes():
    double = Recorded(lambda x: x * 2, Replay)
    for length in (3, 4, 3):
        assert torch.equal(double(torch.ones(length)), torch.full((length,), 2.0))
    assert Replay.made == 2


def test_what_can_t_be_compiled_or_recorded_runs_as_it_is_written_and_says_so():
    network = small.unet()
    sample, audio = window()
    recorded = Passes(network, record=Replay, compiler=refuse)
    recorded.compile_whole(beside_silence=False)
    plain = network(sample, 500, audio)
    assert torch.allclose(recorded(sample, 500, audio), plain, atol=1e-5)
    assert recorded.mode == "captured"
    assert "no kernel image" in recorded.note
    assert "\n" not in recorded.note
    helpless = Passes(network, record=refuse)
    assert torch.allclose(helpless(sample, 500, audio), plain, atol=1e-5)
    assert helpless.mode == "eager"


def test_weights_that_moved_are_never_read_where_they_were():
    network = small.unet()
    recorded = Passes(network, record=Replay)
    sample, audio = window()
    recorded(sample, 500, audio)
    assert Replay.made == 1
    network.double()  # as a second try in higher precision does, and back
    for _ in range(2):
        precise = recorded(sample.double(), 500, audio.double())
    assert torch.allclose(precise.float(), network(sample.double(), 500, audio.double()).float())
    assert Replay.made == 1
    network.float()
    recorded(sample, 500, audio)
    recorded(sample, 500, audio)
    assert Replay.made == 2


def test_recordings_are_forgotten_where_weights_may_lie_at_old_addresses():
    network = small.unet()
    recorded = acceleration._OF_NETWORK[network] = Passes(network, record=Replay)
    sample, audio = window()
    recorded(sample, 500, audio)
    acceleration.forget(network)
    recorded(sample, 500, audio)
    assert Replay.made == 2


def test_memory_that_runs_out_is_no_reason_to_try_a_slower_way():
    def too_large(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    recorded = Passes(small.unet(), record=too_large)
    with pytest.raises(torch.OutOfMemoryError):
        recorded(*window()[:1], 500, window()[1])


def test_the_network_is_one_graph_to_the_compiler():
    compiled = Passes(
        small.unet(),
        record=Replay,
        compiler=lambda function: torch.compile(function, fullgraph=True, backend="eager"),
    )
    compiled.compile_whole(beside_silence=True)
    sample, audio = window()
    plain = small.unet()(sample, 500, audio, beside_silence=True)
    assert torch.allclose(compiled(sample, 500, audio, beside_silence=True), plain, atol=1e-5)
    assert (compiled.mode, compiled.note) == ("compiled", "")


def test_nothing_is_compiled_while_somebody_waits_for_a_film():
    compiled = []

    def compiler(function):
        compiled.append(function)
        return function

    recorded = Passes(small.unet(), record=Replay, compiler=compiler)
    sample, audio = window()
    recorded(sample, 500, audio, beside_silence=True)
    assert compiled == []
    recorded.compile_whole(beside_silence=True)
    for _ in range(2):
        recorded(sample, 500, audio, beside_silence=True)
    recorded.deep_and_out(sample, 500, Heard(audio, beside_silence=True))
    assert len(compiled) == 1


def test_on_a_cpu_a_network_runs_as_it_is():
    network = small.unet()
    assert acceleration.passes(network) is network
    assert acceleration.told(network) == {"mode": "eager", "note": ""}
    acceleration.warm_up(network, 8)


def test_compiling_wants_triton_and_a_c_compiler_and_can_be_switched_off(monkeypatch):
    monkeypatch.setattr(acceleration.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setenv("CC", "cc")
    monkeypatch.delenv("TORCH_COMPILE_DISABLE", raising=False)
    assert acceleration.can_compile()
    monkeypatch.setenv("TORCH_COMPILE_DISABLE", "1")
    assert not acceleration.can_compile()
