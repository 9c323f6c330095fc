"""Each guard taken out on purpose, and the tests that must then fail: a guard that nothing misses
is none.

    bin/run python -m tests.faults.breaks [WORD ...]     # all, or those whose name holds a word

Minutes for all (tests/faults/breaking.py). That the list still fits the code, test_breaks.py looks
at each time.
"""

import sys

from tests.faults.breaking import Break, main

KILLED = "tests/faults/test_killed_at_every_point.py"
STOPPED = "tests/faults/test_stopped_at_every_point.py"
TOLD = "tests/faults/test_a_worker_is_told_to_stop.py"
WORKS = "tests/faults/test_a_worker_works_on.py"
CANCELS = "tests/faults/test_a_cancel_races.py"
IN_VAIN = "tests/faults/test_a_message_comes_in_vain.py"
STORAGE = "tests/faults/test_the_storage_fails.py"
SETTLING = "tests/messaging/test_settling.py"

BREAKS = (
    Break(
        "the fence comparison of every later write",
        "jobs/lifecycle/moving.py",
        "if attempt.ended_at is not None or not attempt.fence == job.fence == fence:",
        "if False:",
        (
            f"{WORKS}::test_a_name_that_comes_again_owns_nothing",
            "tests/jobs/test_claim.py::test_a_worker_back_from_the_dead_cannot_finish_the_job",
            "tests/jobs/test_claim.py::test_a_beat_with_another_fence_is_refused",
        ),
    ),
    Break(
        "the claim's look at the state",
        "jobs/lifecycle/attempts.py",
        "if job is None or job.state != State.QUEUED or job.lane is None:",
        "if job is None:",
        (
            f"{STOPPED}::test_while_another_worker_gets_its_message_too[claim.committed]",
            "tests/jobs/test_claim.py::test_a_job_in_another_workers_hands_can_not_be_claimed",
        ),
    ),
    Break(
        "the dispatch number in the deduplication id",
        "jobs/lifecycle/dispatching.py",
        'dedup=f"{job.id}/{job.dispatch_number}"',
        'dedup=f"{job.id}"',
        (
            f"{TOLD}::test_with_a_grace_shorter_than_the_job_hands_over_with_its_pieces",
            f"{STORAGE}::test_once_in_the_middle_of_a_transfer[put-broken]",
        ),
    ),
    Break(
        "the slot's release when a message could not be deleted",
        "messaging/consumer.py",
        """**self._names(message), problem=str(problem))
        finally:
            self.slots.release(message.receipt)""",
        """**self._names(message), problem=str(problem))
        else:
            self.slots.release(message.receipt)""",
        (
            f"{SETTLING}::test_a_failed_delete_gives_the_slot_back",
            "tests/faults/test_the_database_is_away.py"
            "::test_the_queue_out_of_reach_while_the_database_is_there",
        ),
    ),
    Break(
        "a message that failed is put back, not deleted",
        "messaging/consumer.py",
        "self.broker.hide(self.url, message.receipt, self._delay(message))",
        "self._delete(message)",
        (f"{SETTLING}::test_a_message_whose_actor_raises_is_put_back_and_received_again",),
    ),
    Break(
        "every exception of an actor fails its message",
        "messaging/received.py",
        """        super().stuff_exception(exception)
        self.fail()""",
        """        super().stuff_exception(exception)""",
        (f"{SETTLING}::test_a_message_whose_actor_raises_is_put_back_and_received_again",),
    ),
    Break(
        "no message is received after SIGTERM",
        "messaging/broker.py",
        "        broker.stopping.set()",
        "        pass",
        (
            f"{TOLD}::test_during_a_long_poll_takes_no_job_any_more",
            f"{TOLD}::test_with_a_grace_shorter_than_the_job_hands_over_with_its_pieces",
        ),
    ),
    Break(
        "the outbox is marked after it was sent, not before",
        "messaging/sending.py",
        'claimed_until=Now() + CLAIM, send_attempts=F("send_attempts") + 1',
        'sent_at=Now(), send_attempts=F("send_attempts") + 1',
        (f"{KILLED}::test_a_dispatcher_dies_while_it_sends[outbox.claimed]",),
    ),
    Break(
        "messages leave in turn, one of each tenant after the other",
        "messaging/turns.py",
        "ORDER BY next.place, random()",
        "ORDER BY next.id",
        (
            "tests/messaging/test_turns.py::test_a_tenants_thousand_messages_hold_up_nobody_elses",
            "tests/messaging/test_turns.py"
            "::test_a_tenants_new_jobs_hold_up_none_of_its_own_that_could_run",
        ),
    ),
    Break(
        "the leader takes over what another has claimed",
        "messaging/dispatcher.py",
        "took_over=take_over()",
        "took_over=0",
        (f"{KILLED}::test_a_dispatcher_dies_while_it_sends[outbox.claimed]",),
    ),
    Break(
        "a dispatcher whose session was ended leads again",
        "messaging/dispatcher.py",
        "except LOST as problem:",
        "except psycopg.OperationalError as problem:",
        (
            "tests/messaging/test_dispatcher.py"
            "::test_a_leader_that_slept_in_a_transaction_leads_again",
        ),
    ),
    Break(
        "PostgreSQL ends the session of a leader that hangs",
        "messaging/dispatcher.py",
        "SET idle_session_timeout = '{seconds:.0f}s';",
        "SELECT '{seconds:.0f}s';",
        (
            "tests/faults/test_a_dispatcher_dies.py"
            "::test_a_leader_that_hangs_is_followed_by_another",
            "tests/messaging/test_dispatcher.py"
            "::test_the_server_ends_the_session_of_a_leader_that_is_gone",
        ),
    ),
    Break(
        "leases are the database's time",
        "jobs/clock.py",
        "now: datetime = cursor.fetchone()[0]",
        "now = datetime.now(cursor.fetchone()[0].tzinfo)",
        (
            f"{WORKS}::test_a_workers_clock_may_be_an_hour_off[-1]",
            f"{WORKS}::test_a_workers_clock_may_be_an_hour_off[1]",
        ),
    ),
    Break(
        "a lease that was renewed is left alone",
        "jobs/lifecycle/endings.py",
        "if attempt.lease_expires_at > database_now():",
        "if False:",
        ("tests/jobs/test_claim.py::test_a_lease_that_was_renewed_meanwhile_is_left_alone",),
    ),
    Break(
        "the lease is renewed by beats",
        "jobs/lifecycle/attempts.py",
        "attempt.lease_expires_at = database_now() + timedelta(seconds=lease)",
        "pass",
        (f"{WORKS}::test_no_job_is_rescued_while_its_workers_beats_land",),
    ),
    Break(
        "the message is kept hidden while its job is worked on",
        "messaging/heartbeat.py",
        "if not self.lost and now >= self._due:",
        "if False:",
        (
            f"{WORKS}::test_no_job_is_rescued_while_its_workers_beats_land",
            "tests/messaging/test_heartbeat.py"
            "::test_a_message_stays_hidden_for_longer_than_its_visibility_timeout",
        ),
    ),
    Break(
        "nothing is renewed once nothing gets on",
        "jobs/keeper.py",
        "            if not self.stalled:\n                self._beat()",
        "            if True:\n                self._beat()",
        ("tests/jobs/test_keeper.py::test_work_that_does_not_get_on_is_renewed_no_more",),
    ),
    Break(
        "a model that hangs is given up",
        "jobs/keeper.py",
        "        if self.stalled:\n            raise Stalled",
        "        if False:\n            raise Stalled",
        (f"{WORKS}::test_a_model_that_hangs_is_killed_while_its_supervisor_beats",),
    ),
    Break(
        "admission gives a lane once",
        "jobs/admission.py",
        "sorted(set(range(at_once)) - set(taken))[:room]",
        "list(range(at_once))",
        (
            "tests/jobs/test_admission.py"
            "::test_a_suspended_tenants_lanes_are_taken_back_and_given_anew",
        ),
    ),
    Break(
        "a job whose message is refused for its tenant's suspension steps back",
        "jobs/worker.py",
        "            if isinstance(refusal, TenantSuspended):",
        "            if False:",
        (f"{IN_VAIN}::test_of_a_tenant_that_was_suspended_for_a_moment_that_no_dispatcher_saw",),
    ),
    Break(
        "a message of a lane that its job gave back begins nothing",
        "jobs/lifecycle/attempts.py",
        "    if _is_of_another_lane(group, job):",
        "    if False:",
        (
            f"{IN_VAIN}::test_of_a_lane_that_another_job_was_given_after_a_suspension",
            "tests/jobs/test_claim.py"
            "::test_a_message_of_a_lane_that_the_job_gave_back_begins_nothing",
        ),
    ),
    Break(
        "no connection is kept that can't write",
        "portal/environment.py",
        '    "target_session_attrs": "read-write",\n',
        "",
        (
            "tests/faults/test_the_database_is_away.py"
            "::test_a_server_that_takes_over_and_for_a_while_lets_nobody_write",
        ),
    ),
    Break(
        "the database holds one live attempt a job",
        "jobs/migrations/0001_initial.py",
        """                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("job",),
                        name="one_live_attempt_a_job",""",
        """                        fields=("job", "id"),
                        name="one_live_attempt_a_job",""",
        ("tests/jobs/test_claim.py::test_the_database_refuses_a_second_live_attempt",),
    ),
    Break(
        "pieces are recorded by the fence",
        "jobs/lifecycle/attempts.py",
        "    attempt, _ = owned(attempt_id, fence)\n    keep_segments",
        "    attempt = Attempt.objects.get(id=attempt_id)\n    keep_segments",
        ("tests/jobs/test_segments.py::test_a_worker_that_has_lost_its_job_records_nothing",),
    ),
    Break(
        "a cancel that came first wins over the result",
        "jobs/lifecycle/endings.py",
        """    if job.cancel_requested_at is not None:
        end_attempt(attempt, Outcome.CANCELED)
        return end_job(job, State.CANCELED, "succeed")
""",
        "",
        (
            f"{CANCELS}::test_with_a_worker_at_a_point[result.put]",
            "tests/jobs/test_cancel.py::test_a_cancel_that_came_before_the_result_wins_and_costs_nothing",
        ),
    ),
    Break(
        "a message in the outbox is not doubled by the reconciler",
        "jobs/dispatches.py",
        "return Exists(theirs.filter(Q(sent_at=None) | Q(sent_at__gte=since)))",
        "return Exists(theirs.filter(sent_at__gte=since))",
        (
            "tests/jobs/test_reconciling.py"
            "::test_a_message_that_still_waits_in_the_outbox_is_not_doubled",
        ),
    ),
    Break(
        "a result lies under its attempt's own key",
        "jobs/storage.py",
        'return f"{tenant_id}/{job_id}/{attempt_id}.mp4"',
        'return f"{tenant_id}/{job_id}/{tenant_id}.mp4"',
        (f"{KILLED}::test_a_worker_dies[result.put]",),
    ),
    Break(
        "a request that is repeated with its key is the same job",
        "jobs/submission.py",
        "if idempotency_key and (first := _first_with(idempotency_key, fingerprint)):",
        "if False and (first := _first_with(idempotency_key or '', fingerprint)):",
        (f"{KILLED}::test_a_web_process_dies_and_its_client_asks_again[submit.committed]",),
    ),
    Break(
        "an attempt that was begun ends in three strikes",
        "jobs/lifecycle/endings.py",
        "    if strikes(job) < MAX_ATTEMPTS:\n",
        "    if True:\n",
        (f"{WORKS}::test_a_poison_video_that_kills_the_worker_as_well_ends_after_three",),
    ),
    Break(
        "a hand-over is no strike",
        "jobs/lifecycle/moving.py",
        "Q(outcome=Outcome.FAILED) | Q(outcome=Outcome.LOST)",
        "~Q(outcome=Outcome.SUCCEEDED)",
        (f"{TOLD}::test_a_deploy_after_the_other_burns_none_of_a_jobs_attempts",),
    ),
)


if __name__ == "__main__":
    sys.exit(main(BREAKS, sys.argv[1:]))
