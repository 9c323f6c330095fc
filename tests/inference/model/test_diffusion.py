import pytest
import torch

from inference.errors import Canceled
from inference.model.diffusion import conditions, denoise, posterior_noise, scheduler, shared_noise
from tests.inference import small

FRAMES, SIDE = 3, 8


def run(network=None, *, seed=7, guidance=1.5, **more):
    torch.manual_seed(3)
    latents = torch.randn(2, FRAMES, 4, SIDE, SIDE)
    shown = conditions(torch.ones(SIDE, SIDE), *latents)
    audio = torch.randn(FRAMES, 50, small.UNET.audio_width)
    return denoise(
        network or small.unet(),
        shared_noise(seed, SIDE),
        shown,
        audio,
        steps=4,
        guidance=guidance,
        **more,
    )


def test_the_same_seed_gives_the_same_latents_and_another_gives_others():
    first = run()
    assert first.shape == (1, 4, FRAMES, SIDE, SIDE)
    torch.rand(5)  # what else draws numbers meanwhile does not matter
    assert torch.equal(first, run())
    assert not torch.allclose(first, run(seed=8), atol=1e-2)


def test_guidance_leads_away_from_silence():
    assert not torch.allclose(run(guidance=1.0), run(guidance=1.5), atol=1e-4)


def test_guidance_is_silence_plus_its_multiple_of_the_difference():
    seen = []

    class Network:
        conv_in = small.unet().conv_in

        def __call__(self, sample, timestep, audio, *, beside_silence=False):
            seen.append(beside_silence)
            silent, voiced = torch.full_like(sample[:, :4], 1), torch.full_like(sample[:, :4], 3)
            return torch.cat([silent, voiced]) if beside_silence else torch.full_like(voiced, 4)

    # 1 + 1.5 x (3 - 1) = 4: the guided pair and the single pass predict the same.
    assert torch.equal(run(Network(), guidance=1.5), run(Network(), guidance=1.0))
    assert seen == [True] * 4 + [False] * 4


def test_a_frame_s_draws_do_not_hang_on_how_the_video_is_cut():
    whole = posterior_noise(7, range(20), "masked", SIDE)
    parts = [posterior_noise(7, range(16), "masked", SIDE)]
    parts.append(posterior_noise(7, range(16, 20), "masked", SIDE))
    assert torch.equal(whole, torch.cat(parts))
    assert whole.mean().abs() < 0.1
    assert abs(whole.std() - 1) < 0.1


def test_a_frame_s_draws_differ_by_seed_frame_and_role():
    draws = [
        posterior_noise(seed, [frame], role, SIDE)
        for seed in (1, 2)
        for frame in (0, 1)
        for role in ("masked", "reference")
    ]
    assert not any(torch.equal(a, b) for i, a in enumerate(draws) for b in draws[:i])


def test_a_cancel_is_heard_before_the_next_step():
    steps = []

    with pytest.raises(Canceled):
        run(on_step=lambda step, _: steps.append(step), should_cancel=lambda: len(steps) == 2)
    assert steps == [0, 1]


def test_twenty_steps_go_from_951_to_1():
    timesteps = scheduler(20).timesteps.tolist()
    assert timesteps == list(range(951, 0, -50))
    assert scheduler(5).timesteps.tolist() == [801, 601, 401, 201, 1]
