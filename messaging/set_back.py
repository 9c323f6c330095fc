"""The database's clock was set back, by a server that took over perhaps: what the other one wrote
lies in a time that is still to come, and nobody is to wait for that."""

from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Now

from messaging.models import OutboxMessage
from messaging.sending import CLAIM, LONGEST_BACK_OFF_SECONDS

AHEAD = timedelta(seconds=10)  # by so little clocks are set every day
LONGEST_BACK_OFF = timedelta(seconds=LONGEST_BACK_OFF_SECONDS)


def bring_back() -> int:
    """What can't have been written or put off by the present clock was so now; how many messages.

    A pause keeps its length. Inside the operator's transaction.
    """
    rows, now = OutboxMessage.objects.order_by(), Now()
    unsent, limit = rows.filter(sent_at=None), now + AHEAD
    claimed = Q(claimed_until__gt=limit + CLAIM)
    put_off = Q(send_attempts__gt=0, not_before__gt=limit + LONGEST_BACK_OFF)
    return sum(
        (
            unsent.filter(created_at__gt=limit).update(
                created_at=now, not_before=F("not_before") - F("created_at") + now
            ),
            unsent.filter(claimed).update(claimed_until=None),
            unsent.filter(put_off).update(not_before=now),
            rows.filter(sent_at__gt=limit).update(sent_at=now),
        )
    )
