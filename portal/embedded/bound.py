"""Run a command whose process ends when the one that started it does, however that ends.

python -m portal.embedded.bound PARENT COMMAND [ARGUMENTS...]
"""

import os
import signal
import sys

from portal.embedded.account import PR_SET_PDEATHSIG, prctl


def main() -> None:
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):  # it died before we asked
            sys.exit(1)
    os.execv(command[0], command)


def command(words: list[str]) -> list[str]:
    """The words as a command bound to this process."""
    return [sys.executable, "-m", "portal.embedded.bound", str(os.getpid()), *words]


if __name__ == "__main__":
    main()
