import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small lose more by waking other threads than they gain; beside other work on
    the machine the threads of one test wait for each other twenty times as long as they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
