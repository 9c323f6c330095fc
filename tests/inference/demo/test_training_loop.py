import pytest
import torch
from torch import nn

from inference.demo.training.loop import draw_for, train

STEPS = 12


class CutOff(Exception):
    """The power went out."""


def line() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def lesson(network: nn.Linear, cut_off_at: int | None = None):
    def compute(step: int, draws: torch.Generator):
        if step == cut_off_at:
            raise CutOff
        x = torch.randn(8, 3, generator=draws)
        return {"total": (network(x)[:, 0] - x.sum(dim=1)).square().mean()}

    return compute


def run(folder, network: nn.Linear, compute) -> torch.Tensor:
    train("line", network, compute, folder=folder, steps=STEPS, rate=0.05, seed=5, decay=0.9)
    return network.weight.detach().clone()


def test_a_stage_that_was_cut_off_ends_where_it_would_have_ended(tmp_path, monkeypatch):
    whole = line()
    expected = run(tmp_path, whole, lesson(whole))
    monkeypatch.setattr("inference.demo.training.loop.SAVE_EVERY_SECONDS", 0.0)
    folder = tmp_path / "cut"
    folder.mkdir()
    cut = line()
    with pytest.raises(CutOff):
        run(folder, cut, lesson(cut, cut_off_at=7))
    resumed = line()
    assert torch.allclose(run(folder, resumed, lesson(resumed)), expected, atol=1e-6)


def test_the_draws_of_a_step_do_not_depend_on_the_steps_before():
    torch.rand(5)
    first = torch.rand(3, generator=draw_for(1, 40))
    assert torch.equal(first, torch.rand(3, generator=draw_for(1, 40)))
    assert not torch.equal(first, torch.rand(3, generator=draw_for(1, 41)))
