"""The whole product in a home of its own, until standard input ends.

python -m tests.browser.house HOME prints a line of JSON when all runs: address, email, password.
"""

import json
import os
import sys
from pathlib import Path

from portal.embedded.house import House


def main() -> None:
    home = Path(sys.argv[1])
    os.environ["VISEME_HOME"] = str(home)
    with House(home, web_port=None, say=lambda words: print(words, file=sys.stderr)) as house:
        print(json.dumps({"address": house.address, **house.sign_in}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
