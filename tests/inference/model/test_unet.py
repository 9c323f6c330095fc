import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from inference.model.unet.config import UNetConfig
from inference.model.unet.network import VideoUNet
from tests.inference import small


def window(frames=3, batch=1):
    torch.manual_seed(1)
    sample = torch.randn(batch, 13, frames, 8, 8)
    return sample, torch.randn(batch * frames, 50, small.UNET.audio_width)


def test_an_item_without_audio_is_what_zero_audio_computes():
    network = small.unet()
    sample, audio = window(batch=2)
    zeros = torch.cat([torch.zeros_like(audio[:3]), audio[3:]])
    assert torch.allclose(network(sample, 500, zeros), network(sample, 500, audio[3:]), atol=1e-6)
    silent = network(sample, 500, torch.zeros_like(audio))
    assert torch.allclose(silent, network(sample, 500, None), atol=1e-6)


def test_one_item_beside_silence_is_what_the_doubled_batch_computes():
    network = small.unet()
    sample, audio = window()
    doubled = network(sample.expand(2, -1, -1, -1, -1), 500, audio)
    assert torch.allclose(network(sample, 500, audio, beside_silence=True), doubled, atol=1e-5)


def test_one_item_beside_silence_costs_less_than_two():
    network = small.unet()
    sample, audio = window()
    pair = sample.expand(2, -1, -1, -1, -1)

    def multiplications(*given, **more):
        with FlopCounterMode(display=False) as counter:
            network(*given, **more)
        return counter.get_total_flops()

    once = multiplications(sample, 500, audio, beside_silence=True)
    assert once < 0.9 * multiplications(pair, 500, torch.cat([torch.zeros_like(audio), audio]))


def test_memory_in_the_order_of_tensor_cores_gives_the_same_numbers():
    network = small.unet()
    sample, audio = window()
    plain = network(sample, 500, audio, beside_silence=True)
    network.to(memory_format=torch.channels_last)
    last = sample.contiguous(memory_format=torch.channels_last_3d)
    assert torch.allclose(network(last, 500, audio, beside_silence=True), plain, atol=1e-5)


def test_what_a_frame_hears_changes_the_output():
    network = small.unet()
    sample, audio = window()
    assert not torch.allclose(network(sample, 500, audio), network(sample, 500, None), atol=1e-3)


def test_a_shorter_window_is_another_computation_not_a_slice():
    network = small.unet()
    sample, audio = window()
    whole, part = network(sample, 500, audio), network(sample[:, :, :2], 500, audio[:2])
    assert part.shape[2] == 2
    assert (whole[:, :, :2] - part).abs().max() > 1e-3


def test_with_motion_off_only_the_norms_still_join_the_frames():
    network = small.unet()
    sample, audio = window()
    moving = network(sample, 500, audio)
    network.motion = False
    assert not torch.allclose(moving, network(sample, 500, audio), atol=1e-3)


def test_each_item_of_a_batch_has_its_own_timestep():
    network = small.unet()
    sample, audio = window(batch=2)
    both = network(sample, torch.tensor([3, 900]), audio)
    assert torch.allclose(both[1:], network(sample[1:], 900, audio[3:]), atol=1e-5)


def test_every_weight_gets_a_gradient():
    network = small.unet().requires_grad_(True)
    sample, audio = window()
    network(sample, 500, audio).square().mean().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []


def test_the_official_network_has_1246_keys_and_1267_million_weights():
    with torch.device("meta"):
        network = VideoUNet()
    assert len(network.state_dict()) == 1246
    assert sum(weight.numel() for weight in network.parameters()) == 1_267_099_844


def test_more_frames_than_the_position_table_has_cannot_run():
    sample, audio = window(frames=25)
    with pytest.raises(RuntimeError):
        small.unet()(sample, 500, audio)


def test_a_config_survives_json():
    told = json.loads(json.dumps(small.UNET.to_mapping()))
    assert UNetConfig.from_mapping(told) == small.UNET
