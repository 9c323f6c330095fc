"""What becomes of pictures that a damaged file has lost, told by a decoder that is made up."""

from fractions import Fraction
from types import SimpleNamespace

import av
import pytest

from inference.media.child.decoding import LONGEST_HOLD_SECONDS, MOST_STUMBLES, Decoding
from inference.media.child.refusals import Refused

LOST, STUMBLE = object(), object()
RATE = 25


def picture(time, *, corrupt=False, key=False):
    return SimpleNamespace(pts=time, dts=time, is_corrupt=corrupt, key_frame=key)


class Film:
    """Packets, each with its time and what its decoding gives: pictures, an error, or nothing."""

    def __init__(self, *packets):
        self._packets = iter(packets)

    def demux(self, stream):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        time, given = next(self._packets)
        if given is STUMBLE:
            raise av.error.InvalidDataError(1, "damaged container")
        return SimpleNamespace(
            pts=time, dts=time, size=1, is_discard=False, decode=lambda: decode(given)
        )


def decode(given):
    if given is LOST:
        raise av.error.InvalidDataError(1, "damaged packet")
    return given


def stream():
    return SimpleNamespace(time_base=Fraction(1, RATE), average_rate=Fraction(RATE))


def shown(*packets, counted=False):
    decoding = Decoding(Film(*packets), stream(), lambda: None, counted=counted)
    return [(e.time, e.frame.pts, e.held) for e in decoding], decoding.lost


def good(*times):
    return [(time, [picture(time)]) for time in times]


def test_an_undamaged_film_passes_as_it_is():
    assert shown(*good(0, 1, 2)) == ([(0, 0, False), (1, 1, False), (2, 2, False)], 0)


def test_a_lost_picture_is_the_one_before_it_at_its_own_time():
    frames, lost = shown(*good(0, 1), (2, LOST), *good(3))
    assert frames == [(0, 0, False), (1, 1, False), (2, 1, True), (3, 3, False)]
    assert lost == 1


def test_the_order_of_display_decides_which_one_is_before():
    # Decoded 0, 3, 1, 2; the picture of 2 is lost.
    packets = [(0, []), (3, [picture(0)]), (1, [picture(1)]), (2, LOST), (None, [picture(3)])]
    frames, _ = shown(*packets)
    assert frames == [(0, 0, False), (1, 1, False), (2, 1, True), (3, 3, False)]


def test_where_times_only_count_each_picture_comes_at_the_earliest_that_is_left():
    # Decoded 0, 3, 1, 2.
    packets = [(0, []), (1, [picture(0, key=True)]), (2, [picture(2)]), (3, [picture(3)])]
    frames, _ = shown(*packets, (None, [picture(1)]), counted=True)
    assert [(time, pts) for time, pts, _ in frames] == [(0, 0), (1, 2), (2, 3), (3, 1)]


def test_where_times_only_count_packets_without_a_picture_lend_no_time_beyond_a_key_frame():
    frames, _ = shown((0, []), (1, []), (2, [picture(2, key=True)]), *good(3), counted=True)
    assert [time for time, *_ in frames] == [2, 3]


def test_a_picture_that_was_guessed_is_lost_too():
    frames, lost = shown(*good(0), (1, [picture(1, corrupt=True)]), *good(2))
    assert frames == [(0, 0, False), (1, 0, True), (2, 2, False)]
    assert lost == 1


def test_lost_pictures_at_the_end_are_held_to_the_end():
    frames, lost = shown(*good(0, 1, 2, 3, 4, 5, 6, 7), (8, LOST), (9, LOST))
    assert frames[-2:] == [(8, 7, True), (9, 7, True)]
    assert lost == 2


def test_packets_without_a_picture_are_nothing_in_an_undamaged_film():
    # VP8's hidden references have packets and times of their own.
    frames, lost = shown(*good(0), (1, []), *good(2))
    assert frames == [(0, 0, False), (2, 2, False)]
    assert lost == 0


def test_reading_goes_on_after_the_container_stumbled():
    frames, _ = shown(*good(0), (None, STUMBLE), *good(1))
    assert frames == [(0, 0, False), (1, 1, False)]


def test_a_container_that_only_stumbles_is_given_up():
    stumbles = [(None, STUMBLE)] * (MOST_STUMBLES + 1)
    with pytest.raises(av.error.InvalidDataError):
        shown(*good(0), *stumbles, *good(1))
    frames, _ = shown(*good(0), *stumbles[1:], *good(1))
    assert len(frames) == 2


def test_one_picture_does_not_stand_for_long():
    most = LONGEST_HOLD_SECONDS * RATE
    packets = [*good(0), *((n, LOST) for n in range(1, most + 2)), *good(most + 2)]
    with pytest.raises(Refused, match="More than"):
        shown(*packets)


def test_a_film_of_which_a_quarter_is_lost_is_none():
    packets = [packet for n in range(0, 200, 2) for packet in (*good(n), (n + 1, LOST))]
    decoding = Decoding(Film(*packets), stream(), lambda: None)
    assert len(list(decoding)) == 200
    with pytest.raises(Refused, match="Too many"):
        decoding.check()


def test_memory_that_is_out_is_not_taken_for_damage():
    class Full(Film):
        def demux(self, stream):
            yield SimpleNamespace(pts=0, size=1, is_discard=False, decode=full)

    def full():
        raise av.error.MemoryError(12, "out of memory")

    with pytest.raises(MemoryError):
        list(Decoding(Full(), stream(), lambda: None))
