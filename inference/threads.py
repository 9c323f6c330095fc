"""How torch's threads wait for each other on a CPU. Free of torch: call it before loading it."""

import os


def wait_asleep() -> None:
    """Let threads that wait sleep instead of spinning; an OMP_WAIT_POLICY that is set stays.

    Small networks wait thousands of times a second. Beside other work on two cores, spinning took
    51 CPU seconds for what takes 13 (16 frames of the demo model), and three times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
