"""The database comes back from a backup: what was done since then never happened to it.

A worker still works on it, and SQS remembers the numbers that were given since.
"""

from contextlib import contextmanager

import pytest

from tests import database
from tests.faults.endings import ends_well
from tests.faults.house import BRIEF
from tests.faults.points import IN_PIECES
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

BACK_UP = "CREATE TABLE backup AS SELECT * FROM jobs_job"
# As a restore does: past triggers and foreign keys.
RESTORE = """
BEGIN;
SET LOCAL session_replication_role = replica;
LOCK TABLE jobs_job, jobs_attempt, jobs_segment IN ACCESS EXCLUSIVE MODE;
DELETE FROM jobs_segment;
DELETE FROM jobs_attempt;
DELETE FROM messaging_outboxmessage;
DELETE FROM jobs_job;
INSERT INTO jobs_job SELECT * FROM backup;
COMMIT;
"""


@pytest.fixture
def server():
    if database.running is None:
        pytest.skip("DATABASE_URL names a server whose superuser we are not")
    return database.running


@contextmanager
def backup(server):
    """What restores the jobs as they are now."""
    with server.connect(database.NAME) as connection:
        connection.execute(BACK_UP)
        try:
            yield lambda: connection.execute(RESTORE)
        finally:
            connection.execute("DROP TABLE backup")


def test_to_a_moment_before_a_job_was_begun_that_is_worked_on(house, submit, server):
    """Its worker is nobody to the database by now; its next message bears an old number."""
    house.start_queues()
    house.plan(**IN_PIECES)
    job = submit()
    with backup(server) as restore:
        dispatcher = house.start("dispatcher")
        house.start("gpu-worker", **BRIEF)
        until(lambda: house.pieces_of(job.id) > 0, "the job is under way")
        dispatcher.kill()
        restore()
        assert (job.state, job.attempts) == ("queued", 0)
        until(lambda: house.tells("model_process_killed"), "its worker lets go of it")
        ends_well(house, job, "dispatcher")
