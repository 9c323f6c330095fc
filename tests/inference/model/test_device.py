import pytest
import torch

from inference.errors import BadOption
from inference.model.device import choose_device, choose_dtype, runs_on

BUILT_FOR = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_90a"]


@pytest.fixture
def gpu(monkeypatch):
    """A machine whose GPU says this of itself; no kernel can run on it."""

    def there_is(capability, count=1):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA RTX 5090")
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: BUILT_FOR)

    return there_is


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_asking_for_a_gpu_where_there_is_none_is_refused_with_a_reason(no_gpu):
    with pytest.raises(BadOption, match="no usable GPU") as refused:
        choose_device("cuda")
    assert "cpu" in refused.value.hint


def test_auto_without_a_gpu_is_the_cpu(no_gpu):
    assert choose_device("auto").type == "cpu"


@pytest.mark.parametrize("name", ["cuda", "auto"])
def test_a_gpu_newer_than_this_torch_is_refused_in_one_line_that_names_both(gpu, name):
    gpu((12, 0))
    with pytest.raises(BadOption, match=r"capability 12\.0.*sm_90") as refused:
        choose_device(name)
    assert "\n" not in str(refused.value)
    assert "Install a torch" in refused.value.hint


def test_a_gpu_that_does_not_answer_is_refused_too(gpu):
    gpu((9, 0))
    with pytest.raises(BadOption, match="answer"):
        choose_device("cuda")


def test_a_gpu_that_is_not_there_is_refused_by_its_number(gpu):
    gpu((9, 0), count=2)
    with pytest.raises(BadOption, match=r"no cuda:7.*2 GPUs"):
        choose_device("cuda:7")


@pytest.mark.parametrize("name", ["warp", "mps", "meta"])
def test_a_device_that_the_engine_does_not_run_on_is_refused(name):
    with pytest.raises(BadOption, match=name):
        choose_device(name)


@pytest.mark.parametrize(
    ("capability", "built_for", "runs"),
    [
        ((8, 9), ["sm_80", "sm_86", "sm_90"], True),
        ((9, 0), ["sm_80", "sm_90"], True),
        ((12, 0), ["sm_80", "sm_90"], False),
        ((7, 0), ["sm_75", "sm_80"], False),
        ((8, 0), ["sm_86"], False),
        ((12, 0), ["sm_90", "compute_90"], True),
        ((8, 0), ["compute_90"], False),
        ((9, 0), ["sm_90a"], True),
        ((10, 0), ["sm_90a"], False),
        ((12, 0), ["sm_90", "sm_120"], True),
        ((12, 1), ["sm_120f"], True),
        ((9, 0), [], False),
    ],
)
def test_which_builds_have_code_for_which_gpu(capability, built_for, runs):
    assert runs_on(capability, built_for) is runs


def test_half_precision_begins_with_capability_8(gpu):
    for capability, dtype in (((7, 5), torch.float32), ((8, 0), torch.float16)):
        gpu(capability)
        assert choose_dtype(torch.device("cuda")) == dtype
    assert choose_dtype(torch.device("cpu")) == torch.float32
