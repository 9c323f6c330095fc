"""Up to ten of an action in one call."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.strict_sqs.errors import Refused

Parameters = Mapping[str, Any]
Answer = dict[str, Any]
MOST_ENTRIES = 10


def each(given: Parameters, action: Callable[[Parameters], Answer | None]) -> Answer:
    """Some may fail while others succeed: the call itself succeeds."""
    entries = given.get("Entries", [])
    _check(entries)
    answer: dict[str, list[Answer]] = {"Successful": [], "Failed": []}
    for entry in entries:
        try:
            told = action({**entry, "QueueUrl": given["QueueUrl"]}) or {}
            answer["Successful"].append({"Id": entry["Id"], **told})
        except Refused as refusal:
            answer["Failed"].append(_failure(entry["Id"], refusal))
    return {name: entries for name, entries in answer.items() if entries}


def _failure(entry_id: str, refusal: Refused) -> Answer:
    return {
        "Id": entry_id,
        "Code": refusal.code,
        "Message": refusal.message,
        "SenderFault": refusal.by_sender,
    }


def _check(entries: list[Answer]) -> None:
    ids = [entry["Id"] for entry in entries]
    if not ids:
        raise Refused("EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(ids) > MOST_ENTRIES:
        raise Refused(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(ids)}.",
        )
    if len(set(ids)) < len(ids):
        raise Refused("BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.")
