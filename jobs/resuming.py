"""What earlier attempts at a job have finished, brought back for the next one to go on from.

Nothing here fails a job: a piece that can't be fetched is made anew, and so are those behind it.
"""

import structlog
from django.db import connections

from jobs import metrics, storage
from jobs.keeper import Keeper
from jobs.models import Segment
from jobs.piece_folder import PieceFolder
from jobs.producing import Order
from messaging.gone import GONE
from tenants.context import acting_for

log = structlog.get_logger(__name__)


def fetch_pieces(order: Order, folder: PieceFolder, keeper: Keeper) -> None:
    """From the first on, without a gap. Raises what the keeper's check does."""
    count = 0
    for segment in _recorded(order):
        keeper.check()
        if segment.number != count or not _fetched(segment, folder, keeper):
            break
        count += 1
    if count:
        metrics.resumed_pieces.inc(count)
        log.info("pieces_fetched", count=count)


def _recorded(order: Order) -> list[Segment]:
    try:
        with acting_for(order.tenant_id):
            return list(Segment.objects.filter(job=order.job_id).order_by("number"))
    except GONE as problem:
        connections.close_all()
        log.warning("pieces_not_known", problem=str(problem))
        return []


def _fetched(segment: Segment, folder: PieceFolder, keeper: Keeper) -> bool:
    """Whether the piece is in the folder, with its record."""
    film, record = folder.film(segment.number), folder.record(segment.number)
    part = record.with_suffix(".part")
    try:
        for key, path in ((segment.key, film), (segment.record_key, part)):
            storage.fetch(key, path, keeper.progressed, shelf=storage.outputs())
        if storage.size_and_hash(film) != (segment.size_bytes, segment.sha256):
            raise OSError("not what was put")
    except Exception as problem:  # gone, out of reach, no space
        log.warning("piece_not_fetched", number=segment.number, problem=str(problem))
        for path in (film, part):
            path.unlink(missing_ok=True)
        return False
    part.replace(record)
    folder.see(segment.number)
    return True
