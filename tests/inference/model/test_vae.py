import torch

from inference.model import vae
from tests.inference import small


def test_a_pair_is_what_two_calls_encode():
    torch.manual_seed(2)
    network, pixels = small.vae(), torch.rand(5, 3, 32, 32) * 2 - 1
    mask = (torch.rand(32, 32) > 0.5).float()
    noises = torch.randn(2, 5, 4, 4, 4)
    masked, whole = vae.encode_pair(network, pixels, mask, (noises[0], noises[1]))
    assert torch.allclose(masked, vae.encode(network, pixels * mask, noises[0]), atol=1e-5)
    assert torch.allclose(whole, vae.encode(network, pixels, noises[1]), atol=1e-5)
    assert not torch.allclose(masked, whole, atol=1e-2)


def test_pictures_are_decoded_alike_however_many_come_at_once():
    torch.manual_seed(2)
    network, latents = small.vae(), torch.randn(6, 4, 4, 4)
    alone = torch.cat([vae.decode(network, latents[i : i + 1]) for i in range(6)])
    assert torch.allclose(vae.decode(network, latents), alone, atol=1e-5)
