import threading

import torch
from torch import nn

from inference.demo.training.halves import HALVES, Meeting


def convolution(gradient: float) -> nn.Conv2d:
    """Weights, and so their gradients, lie in memory as they do in training."""
    network = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    (network(torch.full((1, 3, 5, 5), gradient)).sum()).backward()
    return network


def test_both_halves_leave_with_the_mean_gradient_in_the_layout_of_the_weight():
    networks = [convolution(1.0), convolution(3.0)]
    expected = [
        (a.grad + b.grad) / 2
        for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True)
    ]
    size = sum(p.numel() for p in networks[0].parameters())
    barrier, gradients = threading.Barrier(HALVES), torch.zeros(HALVES, size)
    halves = [
        threading.Thread(
            target=Meeting(number, barrier, gradients).average, args=(list(net.parameters()),)
        )
        for number, net in enumerate(networks)
    ]
    for half in halves:
        half.start()
    for half in halves:
        half.join(timeout=60)
    for network in networks:
        for parameter, mean in zip(network.parameters(), expected, strict=True):
            assert torch.allclose(parameter.grad, mean)
            assert parameter.grad.stride() == parameter.stride()
