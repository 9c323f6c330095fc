"""Whose messages are sent next: each line in turn, whatever stands in the others.

A line is what one tenant sends to one queue. Within it time decides, so that a group keeps its
order; but a thousand messages of one tenant hold up nobody else, nor its own for another queue.
"""

from uuid import UUID

from django.db import connection

# From line to line by the index outbox_lines, so that ten thousand messages in one of them cost no
# more than its first; then of each line that has one due as many as a fair share has room for.
# Equals go in random order: where there are more lines than room, none is behind for long.
NEXT = """
WITH RECURSIVE message AS NOT MATERIALIZED (
    SELECT id, queue, claimed_until,
        COALESCE(tenant_id, '00000000-0000-0000-0000-000000000000'::uuid) AS tenant,
        COALESCE(not_before, created_at) AS due_at
    FROM messaging_outboxmessage WHERE sent_at IS NULL
), line AS (
    (SELECT queue, tenant, due_at FROM message ORDER BY queue, tenant, due_at, id LIMIT 1)
    UNION ALL
    SELECT next.queue, next.tenant, next.due_at FROM line CROSS JOIN LATERAL (
        SELECT queue, tenant, due_at FROM message
        WHERE (message.queue, message.tenant) > (line.queue, line.tenant)
        ORDER BY queue, tenant, due_at, id LIMIT 1
    ) next
), due AS MATERIALIZED (
    SELECT queue, tenant FROM line WHERE due_at <= statement_timestamp()
)
SELECT next.id FROM due CROSS JOIN LATERAL (
    SELECT id, row_number() OVER (ORDER BY due_at, id) AS place FROM (
        SELECT id, due_at FROM message
        WHERE queue = due.queue AND tenant = due.tenant AND due_at <= statement_timestamp()
            AND (claimed_until IS NULL OR claimed_until < statement_timestamp())
        ORDER BY queue, tenant, due_at, id
        LIMIT (SELECT ceil(%(most)s::float / greatest(count(*), 1))::bigint FROM due)
    ) first_ones
) next
ORDER BY next.place, random() LIMIT %(most)s
"""


def next_due(most: int) -> list[UUID]:
    """Ids of at most so many messages that are due and in nobody's hands, in the order in which
    they are to be sent. Inside the operator's transaction; nothing is locked yet."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT, {"most": most})
        return [row[0] for row in cursor.fetchall()]
