"""What it costs to look for messages of a time that is still to come: every 15 seconds."""

import pytest
from django.db import connection
from django.db.models.functions import Now

from messaging.ids import new_id
from messaging.models import OutboxMessage
from messaging.outbox import enqueue, message
from messaging.sending import operating
from messaging.set_back import bring_back
from tests import database
from tests.jobs.plans import rows_of

pytestmark = pytest.mark.django_db(transaction=True)

WEEK, UNSENT = 3000, 5  # messages


def looked_at(work):
    """Rows of the outbox that each statement of the work reads."""
    asked = []

    def note(execute, sql, params, many, context):
        asked.append((sql, params))
        return execute(sql, params, many, context)

    with operating("explain"), connection.cursor() as cursor:
        with connection.execute_wrapper(note):
            work()
        for sql, params in asked:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
            yield rows_of("messaging_outboxmessage", cursor.fetchone()[0][0]["Plan"])


def test_of_the_weeks_messages_none_that_was_sent_is_looked_at():
    with operating("test"):
        told = {"queue": "tasks", "tenant_id": new_id()}
        enqueue(*(message("an_actor", {}, **told) for _ in range(WEEK)))
        OutboxMessage.objects.update(sent_at=Now())
        enqueue(*(message("an_actor", {}, **told) for _ in range(UNSENT)))
    with database.owner() as owner:
        owner.execute("ANALYZE messaging_outboxmessage")
    counts = list(looked_at(bring_back))
    assert len(counts) == 4
    assert max(counts) <= UNSENT
