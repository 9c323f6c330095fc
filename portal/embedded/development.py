"""PostgreSQL and the queues alone, for `manage.py runserver` and a debugger.

bin/run python -m portal.embedded.development     # until Ctrl-C
"""

import signal
import subprocess
import sys

from portal import environment
from portal.embedded import EmbeddedError, bound, roles
from portal.embedded.postgres import Postgres
from portal.embedded.state import kept_port, only_one


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    home = environment.home()
    with only_one(home), Postgres(home) as postgres:
        roles.prepare(postgres)
        port = kept_port(postgres.state.section("sqs"))
        postgres.state.save()
        queues = bound.command([sys.executable, "-m", "portal.embedded.sqs", str(port)])
        print(f"PostgreSQL on port {postgres.section['port']}, queues on port {port}", flush=True)
        try:
            subprocess.run(queues, cwd=environment.ROOT, check=False)
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    try:
        main()
    except EmbeddedError as problem:
        sys.exit(str(problem))
