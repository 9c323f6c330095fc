import torch

from inference.model import fast
from inference.model.diffusion import conditions, denoise, shared_noise
from tests.inference import small

FRAMES, SIDE = 3, 8


class Counted:
    """Counts the passes of a network by kind."""

    def __init__(self):
        self.network, self.kinds = small.unet(), []

    def deep_and_out(self, *given):
        self.kinds.append("whole")
        return self.network.deep_and_out(*given)

    def out_of_deep(self, *given):
        self.kinds.append("last layer")
        return self.network.out_of_deep(*given)


def run(steps=4, speed="fast", guidance=1.5):
    torch.manual_seed(3)
    latents = torch.randn(2, FRAMES, 4, SIDE, SIDE)
    shown = conditions(torch.ones(SIDE, SIDE), *latents)
    audio = torch.randn(FRAMES, 50, small.UNET.audio_width)
    noise = shared_noise(7, SIDE)
    return denoise(small.unet(), noise, shown, audio, steps=steps, guidance=guidance, speed=speed)


def test_the_deep_part_is_computed_every_few_steps():
    network = Counted()
    reuse = fast.Reuse(network, whole_every=3)
    sample, audio = torch.randn(1, 13, FRAMES, SIDE, SIDE), torch.randn(FRAMES, 50, 16)
    with torch.inference_mode():
        for step in range(5):
            assert reuse(sample, 900 - step, audio, beside_silence=True).shape[0] == 2
    assert network.kinds == ["whole", "last layer", "last layer", "whole", "last layer"]


def test_reused_at_its_own_step_the_deep_part_changes_nothing():
    network = small.unet()
    sample, audio = torch.randn(1, 13, FRAMES, SIDE, SIDE), torch.randn(FRAMES, 50, 16)
    reuse = fast.Reuse(network, whole_every=2)
    with torch.inference_mode():
        first, again = reuse(sample, 500, audio), reuse(sample, 500, audio)
        assert torch.allclose(first, network(sample, 500, audio), atol=1e-6)
    assert torch.allclose(first, again, atol=1e-6)


def test_every_window_begins_afresh():
    assert torch.equal(run(), run())


def test_fast_is_near_the_exact_result_and_is_not_it():
    exact = run(steps=20, speed="exact")
    quick, longer = run(steps=10), run(steps=40)
    error = (quick - exact).abs().mean()
    assert 1e-4 < error < 0.5 * exact.std()
    assert (longer - exact).abs().mean() < error


def test_exact_is_the_default():
    torch.manual_seed(3)
    latents = torch.randn(2, FRAMES, 4, SIDE, SIDE)
    shown = conditions(torch.ones(SIDE, SIDE), *latents)
    audio = torch.randn(FRAMES, 50, small.UNET.audio_width)
    noise = shared_noise(7, SIDE)
    default = denoise(small.unet(), noise, shown, audio, steps=4, guidance=1.5)
    assert torch.equal(default, run(speed="exact"))
    assert not torch.equal(default, run(speed="fast"))
