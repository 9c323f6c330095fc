class BillingError(Exception):
    """Something of this app refused, with a stable code."""

    code = "billing_error"


class EventConflict(BillingError):
    """The event id is in the ledger already, with other content. Nothing was written."""

    code = "usage_event_conflict"

    def __init__(self, event_id: str) -> None:
        super().__init__(
            f"Usage event {event_id!r} is recorded already with other content; "
            "a correction is a new record that names the old one."
        )
