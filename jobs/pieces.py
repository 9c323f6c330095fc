"""The finished pieces of a result under way: put aside at once, found again by the next attempt.

So a worker that is killed or has to go costs seconds of computing, not the job. Nothing here fails
a job: a piece that can't be put or recorded is only not gone on from.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from uuid import UUID

import structlog
from django.db import connections

from jobs import lifecycle, metrics, storage
from jobs.errors import JobError
from jobs.keeper import HandOver, Keeper
from jobs.lifecycle import StoredSegment
from jobs.model_events import EngineFailed
from jobs.piece_folder import PieceFolder
from jobs.producing import Order
from jobs.resuming import fetch_pieces
from messaging.crashpoints import crash_point
from messaging.gone import GONE
from tenants.context import acting_for

log = structlog.get_logger(__name__)

LOOK_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
FINISH_SECONDS = 30.0  # for the last pieces of a worker that has to go; a spot notice gives 120
JOIN_SECONDS = 30.0


class Pieces:
    """Those of one attempt, put in order from a thread of its own.

    The folder is the queue: one piece is on its way at a time, the others wait on the disk. What a
    slow storage or a database that is away holds up is that thread, never the video or the lease.
    """

    def __init__(self, order: Order, keeper: Keeper) -> None:
        self.order = order
        self.keeper = keeper
        self.unrecorded: list[StoredSegment] = []  # in the storage; no row tells of them yet
        self._over = threading.Event()
        self._until = 0.0  # on the monotonic clock: when the last pieces must be put
        told = copy_context()  # its log lines name the attempt, too
        self._thread = threading.Thread(target=told.run, args=(self._run,), daemon=True)

    @contextmanager
    def kept_in(self, folder: Path) -> Iterator[None]:
        """Fill the folder with what earlier attempts have finished, then put what is added to it.

        A hand-over finds its last pieces in `unrecorded`; a fault of the engine leaves them to the
        next attempt as well.
        """
        self._folder = PieceFolder(folder)
        fetch_pieces(self.order, self._folder, self.keeper)
        self._thread.start()
        try:
            yield
        except HandOver:
            self._finish()
            raise
        except EngineFailed as failed:
            if not failed.refusal:
                self._finish()
                self._tried(self._record)  # the thread is over, or waits for the storage
            raise
        finally:
            self._over.set()
            self._thread.join(JOIN_SECONDS)

    def stop(self) -> None:
        """The result is whole: what is not on its way by now need not go."""
        self._over.set()

    def _run(self) -> None:
        pause = LOOK_SECONDS
        while not self._over.wait(pause):
            went_well = self._tried(self._catch_up)
            pause = LOOK_SECONDS if went_well else min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._tried(self._put_last)
        connections.close_all()

    def _finish(self) -> None:
        """Let what is finished and not put yet be put; FINISH_SECONDS are waited for that."""
        self._until = time.monotonic() + FINISH_SECONDS
        self._over.set()
        self._thread.join(FINISH_SECONDS)

    def _tried(self, act: Callable[[], None]) -> bool:
        """Whether it went well; if not, it is said why."""
        try:
            act()
        except JobError as refusal:  # the attempt is another's by now
            self._over.set()
            log.info("pieces_refused", reason=str(refusal))
        except GONE as problem:
            connections.close_all()
            log.warning("pieces_not_recorded_yet", problem=str(problem))
        except Exception as problem:  # the storage is out of reach, the disk is full
            log.warning("piece_not_put_yet", problem=str(problem))
        else:
            return True
        return False

    def _catch_up(self) -> None:
        self._record()  # what could not be recorded before
        while not self._over.is_set() and self._put_next():
            self._record()

    def _put_last(self) -> None:
        while time.monotonic() < self._until and self._put_next():
            pass

    def _put_next(self) -> bool:
        """Put the first piece that is new; False if there is none, or the job is another's."""
        new = next(self._folder.new(), None)
        if new is None or not self.keeper.ours:
            return False
        number, stamp = new
        crash_point("segment.before_put")
        self.unrecorded.append(self._put(number))
        self._folder.see(number, stamp)
        crash_point("segment.put")
        return True

    def _put(self, number: int) -> StoredSegment:
        ids = (self.order.tenant_id, self.order.job_id, self.order.attempt_id)
        key, record_key = storage.segment_keys(*ids, number)
        film, shelf, heard = self._folder.film(number), storage.outputs(), self.keeper.progressed
        size, sha256 = storage.size_and_hash(film)
        storage.put(shelf, key, film, heard)
        storage.put(shelf, record_key, self._folder.record(number), heard)
        return StoredSegment(number, key, record_key, size, sha256)

    def _record(self) -> None:
        """Raises StaleAttempt, and what a database raises that is away."""
        if segments := tuple(self.unrecorded):
            with acting_for(self.order.tenant_id):
                attempt, fence = self.order.attempt_id, self.order.fence
                lifecycle.record_segments(attempt, fence=fence, segments=segments)
            metrics.put_pieces.inc(len(segments))
            del self.unrecorded[: len(segments)]


def remove(tenant_id: UUID, job_id: UUID) -> None:
    """The job has ended: nobody goes on from its pieces. What stays, the sweeper takes."""
    try:
        storage.remove_below(storage.outputs(), storage.segments_prefix(tenant_id, job_id))
    except Exception as problem:  # out of reach
        log.warning("pieces_not_removed", problem=str(problem))
