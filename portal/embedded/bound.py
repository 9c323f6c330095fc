"""Run a command whose process ends when the one that started it does, however that ends.

python -m portal.embedded.bound COMMAND [ARGUMENTS...]
"""

import os
import signal
import sys

from portal.embedded.account import PR_SET_PDEATHSIG, prctl


def main() -> None:
    parent = os.getppid()
    if sys.platform == "linux":
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
    os.execv(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
