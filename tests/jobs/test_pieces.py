"""Finished pieces of a result: put and recorded while the rest is made, gone on from afterwards."""

import json
import threading

import pytest
from django.db import OperationalError

from jobs import lifecycle, pieces, storage
from jobs.errors import StaleAttempt
from jobs.keeper import HandOver, LeaseLost
from jobs.model_events import EngineFailed
from jobs.models import Attempt, Segment
from jobs.pieces import Pieces
from jobs.producing import Order
from tenants.context import acting_for, as_operator
from tests import making
from tests.messaging.sqs import eventually

pytestmark = pytest.mark.django_db(transaction=True)


class Keeper:
    """Nobody wants the work to end."""

    ours = True

    def __init__(self):
        self.bytes = 0

    def check(self):
        pass

    def progressed(self, count=0):
        self.bytes += count


@pytest.fixture
def job(shelves, acme, monkeypatch):
    monkeypatch.setattr(pieces, "LOOK_SECONDS", 0.01)
    with acting_for(acme.id):
        return making.a_queued_job(lane=0)


def claimed(job):
    with acting_for(job.tenant_id):
        attempt = lifecycle.claim(job.id, worker="a test", lease=60)
    return Order(job.id, job.tenant_id, attempt.id, attempt.fence, "v", "a", {}, 60)


def released(order, **told):
    with acting_for(order.tenant_id):
        lifecycle.release(order.attempt_id, fence=order.fence, **told)


def lay_down(folder, number, content=b"ten seconds of film"):
    """As the engine does: the film first, then the record by renaming."""
    (folder / f"{number:05d}.mp4").write_bytes(content)
    part = folder / f"{number:05d}.part"
    part.write_text(json.dumps({"number": number, "made_of": content.decode()}))
    part.replace(part.with_suffix(".json"))


def recorded(job):
    with as_operator("look at a test's pieces"):
        return list(Segment.objects.filter(job=job.id).values_list("number", "attempt_id"))


def kept(job, folder, count):
    """An attempt that makes so many pieces, waits until they are recorded, and goes."""
    order = claimed(job)
    with Pieces(order, Keeper()).kept_in(folder):
        for number in range(count):
            lay_down(folder, number)
        eventually(lambda: len(recorded(job)) == count)
    released(order)
    return order


def inside(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_piece_is_recorded_while_the_next_one_is_made(job, tmp_path):
    order, keeper = claimed(job), Keeper()
    with Pieces(order, keeper).kept_in(tmp_path / "segments"):
        lay_down(tmp_path / "segments", 0)
        eventually(lambda: recorded(job) == [(0, order.attempt_id)])
        lay_down(tmp_path / "segments", 1)
        eventually(lambda: len(recorded(job)) == 2)
    with acting_for(job.tenant_id):
        segment = Segment.objects.get(number=0)
    assert storage.outputs().open(segment.key).read() == b"ten seconds of film"
    assert segment.size_bytes == len(b"ten seconds of film")
    assert keeper.bytes > 2 * segment.size_bytes  # an upload's bytes are a sign of life


def test_the_next_attempt_finds_them_byte_for_byte(job, tmp_path):
    kept(job, tmp_path / "first", 3)
    with Pieces(claimed(job), Keeper()).kept_in(tmp_path / "second"):
        assert inside(tmp_path / "second") == inside(tmp_path / "first")


def test_what_was_fetched_is_not_put_again_and_what_is_added_is(job, tmp_path):
    first = kept(job, tmp_path / "first", 2)
    second = claimed(job)
    with Pieces(second, Keeper()).kept_in(tmp_path / "second"):
        lay_down(tmp_path / "second", 2)
        eventually(lambda: len(recorded(job)) == 3)
    numbers = [(0, first.attempt_id), (1, first.attempt_id), (2, second.attempt_id)]
    assert recorded(job) == numbers


def test_a_piece_that_the_engine_makes_anew_takes_the_place_of_the_old_one(job, tmp_path):
    kept(job, tmp_path / "first", 1)
    second = claimed(job)
    with Pieces(second, Keeper()).kept_in(tmp_path / "second"):
        lay_down(tmp_path / "second", 0, b"by another model")
        eventually(lambda: recorded(job) == [(0, second.attempt_id)])
    released(second)
    with Pieces(claimed(job), Keeper()).kept_in(tmp_path / "third"):
        assert inside(tmp_path / "third")["00000.mp4"] == b"by another model"


def test_a_file_without_its_record_is_no_piece(job, tmp_path):
    with Pieces(claimed(job), Keeper()).kept_in(tmp_path / "segments"):
        (tmp_path / "segments" / "00000.mp4").write_bytes(b"not whole")
        (tmp_path / "segments" / "complete.json").write_text("{}")
        lay_down(tmp_path / "segments", 1)
        eventually(lambda: recorded(job))
    assert [number for number, _ in recorded(job)] == [1]


@pytest.mark.parametrize("harm", ["gone", "other bytes"])
def test_pieces_after_one_that_is_not_what_was_put_are_made_anew(job, tmp_path, harm):
    kept(job, tmp_path / "first", 3)
    with acting_for(job.tenant_id):
        key = Segment.objects.get(number=1).key
    storage.outputs().delete(key)
    if harm == "other bytes":
        (tmp_path / "other").write_bytes(b"other bytes")
        storage.put(storage.outputs(), key, tmp_path / "other")
    with Pieces(claimed(job), Keeper()).kept_in(tmp_path / "second"):
        assert sorted(inside(tmp_path / "second")) == ["00000.json", "00000.mp4"]


def test_a_storage_that_refuses_costs_the_job_nothing_and_is_asked_again(
    job, tmp_path, monkeypatch
):
    put, troubles = storage.put, iter(range(3))

    def refuses(*arguments):
        for _ in troubles:
            raise OSError("no space left on device")
        put(*arguments)

    monkeypatch.setattr(storage, "put", refuses)
    with Pieces(claimed(job), Keeper()).kept_in(tmp_path / "segments"):
        lay_down(tmp_path / "segments", 0)
        eventually(lambda: recorded(job))


def test_a_database_that_is_away_delays_the_record_and_loses_none(job, tmp_path, monkeypatch):
    record, troubles = lifecycle.record_segments, iter(range(3))

    def away(*arguments, **told):
        for _ in troubles:
            raise OperationalError("server closed the connection")
        record(*arguments, **told)

    monkeypatch.setattr(lifecycle, "record_segments", away)
    with Pieces(claimed(job), Keeper()).kept_in(tmp_path / "segments"):
        lay_down(tmp_path / "segments", 0)
        eventually(lambda: recorded(job))


def test_a_worker_whose_job_is_another_s_records_nothing_more(job, tmp_path):
    late = claimed(job)
    made = Pieces(late, Keeper())
    with made.kept_in(tmp_path / "segments"):
        released(late)
        with acting_for(job.tenant_id):
            lifecycle.claim(job.id, worker="another", lease=60)
        lay_down(tmp_path / "segments", 0)
        eventually(lambda: made._over.is_set())
    assert recorded(job) == []


def test_a_worker_whose_lease_is_lost_puts_nothing(job, tmp_path):
    keeper = Keeper()
    keeper.ours = False
    made = Pieces(claimed(job), keeper)
    with pytest.raises(LeaseLost), made.kept_in(tmp_path / "segments"):
        lay_down(tmp_path / "segments", 0)
        made._catch_up()
        raise LeaseLost
    assert list(storage.listed(storage.outputs())) == []


def test_a_hand_over_brings_the_last_pieces_along(job, tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "LOOK_SECONDS", 600)  # nobody has looked since they were finished
    order = claimed(job)
    made = Pieces(order, Keeper())
    with pytest.raises(HandOver), made.kept_in(tmp_path / "first"):
        for number in range(2):
            lay_down(tmp_path / "first", number)
        raise HandOver
    assert recorded(job) == []
    released(order, segments=made.unrecorded)
    assert recorded(job) == [(0, order.attempt_id), (1, order.attempt_id)]
    with Pieces(claimed(job), Keeper()).kept_in(tmp_path / "second"):
        assert inside(tmp_path / "second") == inside(tmp_path / "first")


def test_a_hand_over_waits_no_longer_for_a_slow_storage_than_it_may(job, tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "FINISH_SECONDS", 0.1)
    monkeypatch.setattr(pieces, "JOIN_SECONDS", 0.1)
    answer = threading.Event()
    monkeypatch.setattr(storage, "put", lambda *arguments: answer.wait(60))
    made = Pieces(claimed(job), Keeper())
    with pytest.raises(HandOver), made.kept_in(tmp_path / "segments"):
        lay_down(tmp_path / "segments", 0)
        raise HandOver
    assert made.unrecorded == []
    answer.set()
    made._thread.join(60)


def test_a_fault_of_the_engine_leaves_its_last_pieces_to_the_next_attempt(
    job, tmp_path, monkeypatch
):
    monkeypatch.setattr(pieces, "LOOK_SECONDS", 600)
    with pytest.raises(EngineFailed), Pieces(claimed(job), Keeper()).kept_in(tmp_path / "s"):
        lay_down(tmp_path / "s", 0)
        raise EngineFailed("engine_crashed", "It died.")
    assert len(recorded(job)) == 1


def test_the_pieces_of_a_job_are_removed_and_no_other_s(job, tmp_path, acme):
    with acting_for(acme.id):
        other = making.a_queued_job(lane=1)
    kept(job, tmp_path / "first", 2)
    kept(other, tmp_path / "other", 1)
    pieces.remove(job.tenant_id, job.id)
    left = [key for key, _ in storage.listed(storage.outputs())]
    assert left and all(key.startswith(f"{acme.id}/{other.id}/segments/") for key in left)
    pieces.remove(job.tenant_id, job.id)  # nothing is there any more


def test_a_stale_attempt_can_hand_no_pieces_over(job, tmp_path):
    late = claimed(job)
    with acting_for(job.tenant_id):
        Attempt.objects.update(lease_expires_at=Attempt.objects.get().started_at)
        lifecycle.give_up_on(late.attempt_id)
    with pytest.raises(StaleAttempt):
        released(late, segments=[lifecycle.StoredSegment(0, "k", "r", 1, "0" * 64)])
    assert recorded(job) == []
