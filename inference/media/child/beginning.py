"""When a file begins: the common zero of its sound and its picture."""

from fractions import Fraction

from inference.media.child import opening

# Tracks that are written side by side begin within this many packets.
MOST_PACKETS = 500
# What begins later than this after the file doesn't: its clock is wrong.
LONGEST_DELAY_SECONDS = 60


def beginning(fd: int) -> Fraction:
    """Seconds on the file's own clock at which the earlier of sound and picture begins.

    From the packets, for Matroska's headers say zero of every track. Never below zero: what is
    stored there is a decoder's priming, or was cut away by an edit list.
    """
    with opening.opened(fd) as container:
        streams = [*opening.moving_pictures(container)[:1], *container.streams.audio[:1]]
        starts: dict[int, Fraction] = {}
        for count, packet in enumerate(container.demux(*streams)):
            if packet.pts is not None:
                time = packet.pts * Fraction(packet.time_base)
                starts[packet.stream_index] = min(time, starts.get(packet.stream_index, time))
            if len(starts) == len(streams) or count >= MOST_PACKETS:
                break
    return max(Fraction(0), min(starts.values(), default=Fraction(0)))


def delay(first: Fraction, begins: Fraction) -> Fraction:
    """How long after the file's beginning a track begins that is first met at `first` seconds."""
    late = first - begins
    return late if 0 < late <= LONGEST_DELAY_SECONDS else Fraction(0)
