"""PostgreSQL is there and says no for a while: a full disk, a deadlock, a statement that takes too
long, a session that an administrator ends. What was to be written is written later on."""

from contextlib import contextmanager

import pytest
from psycopg import sql

from tests import database
from tests.faults.endings import comes_to_an_end, ends_well
from tests.faults.points import IN_PIECES
from tests.faults.processes import until

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

FOR_MINUTES = {"steps": 3000, "step_seconds": 0.1}
PASSING = {
    "25006": "read-only transaction",
    "40001": "serialization failure",
    "40P01": "deadlock",
    "53100": "disk full",
    "53200": "out of memory",
    "55P03": "lock not available",
    "57014": "statement timeout",
    "57P01": "ended by an administrator",
}
# A number drawn from a sequence stays drawn, also when what drew it is rolled back.
REFUSE = """
CREATE SEQUENCE refusals;
GRANT USAGE ON SEQUENCE refusals TO PUBLIC;
CREATE FUNCTION refuse_in_turn() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE turn bigint := nextval('refusals'); codes text[] := {codes};
BEGIN
    IF turn <= cardinality(codes) THEN
        RAISE EXCEPTION 'refused as a test ordered' USING ERRCODE = codes[turn];
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_in_turn BEFORE {event} FOR EACH ROW {when} EXECUTE FUNCTION refuse_in_turn();
"""
REFUSE_NO_MORE = "DROP FUNCTION refuse_in_turn CASCADE; DROP SEQUENCE refusals"


@contextmanager
def refused(event, when="", *, codes=tuple(PASSING)):
    """Each of the errors once, at what the trigger is for; gives a question: how often so far."""
    with database.owner() as connection:
        told = {"event": sql.SQL(event), "when": sql.SQL(when)}
        array = sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(map(sql.Literal, codes)))
        connection.execute(sql.SQL(REFUSE).format(codes=array, **told))
        try:
            yield lambda: connection.execute("SELECT last_value FROM refusals").fetchone()[0]
        finally:
            connection.execute(REFUSE_NO_MORE)


@pytest.fixture
def started(house):
    house.start_queues()
    for name in ("dispatcher", "gpu-worker"):
        house.start(name)


def test_a_success_with_each_error_in_turn(house, started, submit):
    with refused("UPDATE ON jobs_attempt", "WHEN (NEW.outcome = 'succeeded')") as times:
        ends_well(house, submit())
        assert times() == len(PASSING) + 1


def test_beats_for_a_while(house, started, submit):
    house.plan(**IN_PIECES)
    with refused("UPDATE OF lease_expires_at ON jobs_attempt") as times:
        ends_well(house, submit())
        assert times() > len(PASSING)


def test_pieces_for_a_while(house, started, submit):
    """They are recorded later on, while the work goes on."""
    house.plan(**{**IN_PIECES, **FOR_MINUTES})
    with refused("INSERT ON jobs_segment", codes=("53100", "40P01")):
        job = submit()
        until(lambda: house.pieces_of(job.id) > 0, "its pieces are recorded")
        job.cancel()
        comes_to_an_end(house, job)
    assert (job.state, job.attempts) == ("canceled", 1)


def test_a_claim_once(house, started, submit):
    """Its message goes back and comes again."""
    with refused("INSERT ON jobs_attempt", codes=("40001",)):
        ends_well(house, submit())


def test_lanes_and_messages_for_a_while(house, started, submit):
    claimed = "WHEN (OLD.claimed_until IS DISTINCT FROM NEW.claimed_until)"
    with refused("UPDATE ON messaging_outboxmessage", claimed) as times:
        job = submit()
        until(lambda: times() > len(PASSING), "each error has come")
        ends_well(house, job)
