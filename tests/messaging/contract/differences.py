"""Where moto does otherwise than AWS, by the name of the test that tells of it, and what it does.

The test asserts just that of moto: one that has become better is noticed.
"""

from typing import Any

INVALID = "InvalidParameterValue"

MOTO_DIFFERS: dict[str, Any] = {
    # It forgets an id together with its message: a re-dispatch that AWS swallows is delivered.
    "test_an_id_is_remembered_when_its_message_was_deleted": ["again"],
    "test_an_id_is_remembered_when_its_queue_was_purged": ["again"],
    # It remembers ids for the whole queue, whatever the scope: the other group's message is lost.
    "test_with_the_scope_of_groups_an_id_counts_within_its_group": ["one"],
    # It takes the receipt of a hold that is over, or that another consumer has by now.
    "test_a_receipt_whose_time_is_over_cannot_extend": "accepted",
    "test_a_receipt_whose_time_is_over_cannot_delete": "accepted",
    "test_a_receipt_of_an_earlier_receive_cannot_extend": "accepted",
    "test_a_receipt_of_an_earlier_receive_cannot_delete": ("accepted", (0, 0, 0)),
    # It counts the twelve hours from the send.
    "test_twelve_hours_are_counted_from_the_receive": INVALID,
    # It looks at the groups once, when the poll begins.
    "test_a_long_poll_gets_a_message_whose_group_was_freed": [],
    # It moves a dead letter when its queue is asked for messages the next time, and not before.
    "test_a_dead_letter_moves_when_its_last_hold_ends": [],
    # A dead letter keeps its id.
    "test_a_dead_letters_id_is_that_of_its_message": False,
    # It ignores the id of the attempt.
    "test_a_receive_repeated_with_its_attempts_id_gets_the_same_again": [],
    # It cannot move dead letters back.
    "test_dead_letters_move_back_as_new_messages": "500",
}
