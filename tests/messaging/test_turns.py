"""Whose messages leave first, when more are due than can be sent at once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from messaging.ids import new_id
from messaging.models import OutboxMessage
from messaging.outbox import enqueue, message
from messaging.sending import BATCH, operating, send_due
from messaging.turns import NEXT, next_due
from tests import database
from tests.jobs.plans import rows_of

pytestmark = pytest.mark.django_db(transaction=True)

ACME, GLOBEX = new_id(), new_id()


def write(tenant_id, count, *, queue="tasks", ago=0, group="a-lane"):
    """So many messages of a tenant that have been due for `ago` seconds and less, oldest first."""
    with operating("test"):
        told = {"queue": queue, "tenant_id": tenant_id, "group": group}
        rows = [message("an_actor", {}, **told) for _ in range(count)]
        enqueue(*rows)
        OutboxMessage.objects.filter(id__in=[row.id for row in rows]).update(
            created_at=Now() - timedelta(seconds=ago)
        )
    return [row.id for row in rows]


def sent():
    """The next that leave, as if they had."""
    with operating("test"):
        ids = next_due(BATCH)
        OutboxMessage.objects.filter(id__in=ids).update(sent_at=Now())
    return ids


def test_a_tenants_thousand_messages_hold_up_nobody_elses():
    write(ACME, 1000, ago=60)
    (other,) = write(GLOBEX, 1)
    assert other in sent()[:2]


def test_a_tenants_new_jobs_hold_up_none_of_its_own_that_could_run():
    write(ACME, 1000, ago=60)
    (wake_up,) = write(ACME, 1, queue="lipsync")
    assert wake_up in sent()[:2]


def test_what_the_operator_sends_has_its_turn_too():
    write(ACME, 1000, ago=60)
    (sweep,) = write(None, 1)
    assert sweep in sent()[:2]


def test_tenants_share_alike_and_what_one_does_not_need_the_others_have():
    many, few = write(ACME, 1000, ago=60), write(GLOBEX, 3)
    first, second = sent(), sent()
    assert set(few) <= set(first) and len(first) >= BATCH // 2
    assert set(second) <= set(many) and len(second) == BATCH


def test_within_a_line_time_decides():
    """A group's messages are all in one line: they leave in the order in which they were due."""
    young = write(ACME, 5, queue="lipsync")
    old = write(ACME, 5, queue="lipsync", ago=60)
    assert sent() == old + young


def test_with_more_lines_than_room_none_is_behind_for_long():
    """Of thirty lines twenty are served each time: to be passed over forty times in a row has a
    chance of one in ten to the nineteenth."""
    for _ in range(30):
        write(new_id(), 40, ago=60)
    (late,) = write(new_id(), 1)
    assert any(late in sent() for _ in range(40))


def test_all_of_them_are_sent_in_the_end(broker, tasks, queue):
    write(ACME, 30)
    write(GLOBEX, 10, queue="lipsync")
    write(None, 5)
    assert sum(iter(lambda: send_due(broker), 0)) == 45
    assert (tasks.size, queue.size) == (35, 10)


def test_a_standard_queue_is_told_whose_a_message_is(broker, strict, tasks):
    """SQS keeps one tenant's thousands from delaying the others' there, too."""
    write(ACME, 1)
    write(None, 1)
    send_due(broker)
    groups = {kept.group for kept in strict.messages() if kept.queue.endswith("-tasks")}
    assert {str(ACME), None} <= groups


def test_however_many_are_due_a_few_rows_of_each_line_are_looked_at():
    for _ in range(5):
        write(new_id(), 300)
    with database.owner() as owner:
        owner.execute("ANALYZE messaging_outboxmessage")
    with operating("explain"), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {NEXT}", {"most": BATCH})
        plan = cursor.fetchone()[0][0]["Plan"]
    assert rows_of("messaging_outboxmessage", plan) <= 5 * (1 + BATCH // 5) + 1
