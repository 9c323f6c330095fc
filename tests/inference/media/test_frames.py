from fractions import Fraction

import av
import numpy as np
import pytest

from inference import errors
from inference.media import open_frames
from inference.media.pictures import Box
from tests.inference import clips


def read(path, seconds):
    with open_frames(path, seconds and Fraction(seconds)) as frames:
        shown = list(frames)
    return frames, shown


def told(shown):
    """The numbers burned into the pictures."""
    return [clips.number_of(frame.picture.planes[0]) for frame in shown]


def there_and_back(frames, count):
    period = [*range(frames), *range(frames - 2, 0, -1)]
    return [period[i % len(period)] for i in range(count)]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), 16, 25, Fraction(30000, 1001), 60])
def test_times_are_exact_at_any_rate(tmp_path, rate):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(20), rate=rate)
    frames, shown = read(path, 20 / Fraction(rate))
    tick = frames.film.time_base
    assert told(shown) == list(range(20))
    assert [frame.time * tick for frame in shown] == [i / Fraction(rate) for i in range(20)]
    assert {frame.duration * tick for frame in shown} == {1 / Fraction(rate)}
    assert frames.film.rate == rate


def test_milliseconds_of_matroska_do_not_become_jitter(tmp_path):
    rate = Fraction(30000, 1001)
    path = clips.film(tmp_path / "a.mkv", clips.numbered(20), rate=rate)
    frames, shown = read(path, 20 / rate)
    assert {frame.duration * frames.film.time_base for frame in shown} == {1 / rate}


def test_variable_rates_keep_each_frames_time(tmp_path):
    times = [0, 40, 80, 200, 240, 280, 400]
    path = clips.film(tmp_path / "a.mkv", clips.numbered(7), times=times)
    frames, shown = read(path, Fraction(4, 10))
    seconds = [float(frame.time * frames.film.time_base) for frame in shown]
    assert seconds == pytest.approx([t / 1000 for t in times[:6]], abs=0.001)


@pytest.mark.parametrize("options", [{}, {"g": "1"}, {"g": "5", "bf": "3"}, {"g": "300"}])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_shorter_film_plays_there_and_back(tmp_path, codec, options):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(20), codec=codec, options=options)
    _, shown = read(path, 3)
    assert told(shown) == there_and_back(20, 75)
    assert [frame.number for frame in shown] == there_and_back(20, 75)


def test_backwards_in_stretches_smaller_than_the_film(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(200), options={"g": "90"})
    _, shown = read(path, 16)
    assert told(shown) == there_and_back(200, 400)


def test_a_film_whose_frames_have_no_times_plays_back_too(tmp_path):
    path = clips.film(tmp_path / "a.avi", clips.numbered(12), codec="mpeg4", options={"bf": "2"})
    _, shown = read(path, 1)
    assert told(shown) == there_and_back(12, 25)


@pytest.mark.parametrize("options", [{"bf": "0"}, {"bf": "3"}, {"bf": "3", "g": "20"}])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_an_avi_s_pictures_come_in_the_order_of_display_each_at_its_time(tmp_path, codec, options):
    # Slow enough a preset that frames are reordered; the sound begins with the first of them.
    options = options | ({"preset": "medium"} if codec == "libx264" else {})
    pictures = clips.numbered(150)
    path = clips.film(tmp_path / "a.avi", pictures, codec=codec, options=options, sound=True)
    frames, shown = read(path, Fraction(290, 25))
    assert told(shown) == there_and_back(150, 290)
    assert [f.time * frames.film.time_base for f in shown] == [Fraction(n, 25) for n in range(290)]


def without_the_first(count, source, path):
    """The film without so many packets of its picture, and the sound as it was."""
    with av.open(str(source)) as whole, av.open(str(path), "w") as out:
        streams = {kept: out.add_stream_from_template(kept) for kept in whole.streams}
        place = -count
        for packet in whole.demux():
            if packet.size and packet.stream.type == "video":
                packet.pts = packet.dts = place
                place += 1
            if packet.size and packet.dts >= 0:
                packet.stream = streams[packet.stream]
                out.mux(packet)
    return path


@pytest.mark.parametrize("reordered", ["0", "2"])
def test_an_avi_that_begins_in_the_middle_of_a_group_keeps_its_pictures_times(tmp_path, reordered):
    options = {"preset": "medium", "bf": reordered, "g": "25", "sc_threshold": "0"}
    whole = clips.film(tmp_path / "a.avi", clips.numbered(75), options=options, sound=True)
    frames, shown = read(without_the_first(5, whole, tmp_path / "b.avi"), None)
    numbers = told(shown)
    assert [*range(25, 75)] == numbers[-50:]
    times = [f.time * frames.film.time_base for f in shown[-50:]]
    assert times == [Fraction(n - 5, 25) for n in range(25, 75)]


def test_a_picture_lost_from_an_avi_moves_no_other(tmp_path):
    options = {"preset": "medium", "bf": "3", "g": "20"}
    path = clips.film(tmp_path / "a.avi", clips.numbered(60), options=options)
    frames, shown = read(clips.harm(path, 0.5, 400), None)
    at = [(f.time * frames.film.time_base, n) for f, n in zip(shown, told(shown), strict=True)]
    right = [n for time, n in at if time == Fraction(n, 25)]
    assert len(right) > 35
    assert {*range(20), *range(45, 60)} <= {*right}


@pytest.mark.parametrize(
    ("seconds", "frames"), [("0.49", 12), ("0.5", 13), ("0.001", 1), ("1", 25)]
)
def test_a_longer_film_is_cut_to_the_nearest_frame(tmp_path, seconds, frames):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(30))
    assert told(read(path, seconds)[1]) == list(range(frames))


@pytest.mark.parametrize("over", ["0.001", "0.021", "0.040"])
def test_a_frame_too_few_is_no_reason_to_turn_around(tmp_path, over):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(25))
    assert told(read(path, 1 + Fraction(over))[1]) == list(range(25))


def test_a_single_picture_stands_still(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(1))
    assert told(read(path, Fraction(1, 5))[1]) == [0] * 5


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_frames_are_turned_upright_once(tmp_path, rotation):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(3), rotation=rotation)
    frames, shown = read(path, Fraction(3, 25))
    plane = np.rot90(shown[2].picture.planes[0], -rotation // 90)
    assert plane.shape == (48, 64)
    assert clips.number_of(plane) == 2
    turned = rotation % 180 != 0
    assert (frames.film.width, frames.film.height) == ((48, 64) if turned else (64, 48))


@pytest.mark.parametrize(
    ("pix_fmt", "size", "layout"),
    [
        ("yuv420p", (64, 48), "yuv420p"),
        ("yuv422p", (64, 48), "yuv422p"),
        ("yuv444p", (63, 47), "yuv444p"),
        ("yuv420p10le", (64, 48), "yuv420p10le"),
        ("yuv422p", (64, 47), "yuv422p"),
        ("bgr0", (64, 48), "yuv420p"),
        ("gray", (64, 48), "yuv420p"),
    ],
)
def test_planes_come_in_a_layout_that_can_be_written(tmp_path, pix_fmt, size, layout):
    path = clips.film(tmp_path / "a.mkv", clips.numbered(2, *size), codec="ffv1", pix_fmt=pix_fmt)
    frames, shown = read(path, Fraction(2, 25))
    assert frames.film.layout.name == layout
    assert [p.shape for p in shown[0].picture.planes] == frames.film.layout.shapes(*size)
    luma = shown[1].picture.planes[0]
    assert clips.number_of(luma >> 2 if luma.dtype == np.uint16 else luma) == 1


@pytest.mark.parametrize(
    ("pix_fmt", "size", "gained"),
    [
        ("yuv420p", (63, 48), (1, 0)),
        ("yuv420p", (64, 47), (0, 1)),
        ("yuv420p10le", (63, 47), (1, 1)),
        ("yuv422p", (63, 47), (1, 0)),
    ],
)
def test_an_odd_side_gains_one_row_or_column_and_nothing_else_changes(
    tmp_path, pix_fmt, size, gained
):
    path = clips.film(tmp_path / "a.mkv", clips.numbered(2, *size), codec="ffv1", pix_fmt=pix_fmt)
    frames, shown = read(path, Fraction(2, 25))
    film = frames.film
    with av.open(str(path)) as container:
        source = [clips.planes(frame) for frame in container.decode(video=0)]
    assert film.gained == gained
    assert film.source_box == Box(0, 0, *size)
    assert film.layout.name == pix_fmt
    for frame, planes in zip(shown, source, strict=True):
        luma = frame.picture.planes[0]
        assert luma.shape == (size[1] + gained[1], size[0] + gained[0])
        assert (luma[film.source_box.slices()] == planes[0]).all()
        assert (luma == np.pad(planes[0], ((0, gained[1]), (0, gained[0])), mode="edge")).all()
        for chroma, own in zip(frame.picture.planes[1:], planes[1:], strict=True):
            assert (chroma == own).all()


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_an_odd_film_that_is_turned_keeps_chroma_over_its_luma(tmp_path, rotation):
    path = clips.film(
        tmp_path / "a.mov",
        clips.numbered(2, 63, 47),
        codec="mjpeg",
        pix_fmt="yuvj420p",
        rotation=rotation,
    )
    frames, shown = read(path, Fraction(2, 25))
    with av.open(str(path)) as container:
        y, u, v = clips.planes(list(container.decode(video=0))[1])
    back = [np.rot90(plane, -rotation // 90) for plane in shown[1].picture.planes]
    assert (back[0] == np.pad(y, ((0, 1), (0, 1)), mode="edge")).all()
    assert (back[1] == u).all()
    assert (back[2] == v).all()
    own = shown[1].picture.planes[0][frames.film.source_box.slices()]
    assert (np.rot90(own, -rotation // 90) == y).all()


def test_color_tags_are_kept(tmp_path):
    tags = {"colorspace": 9, "color_range": 2, "color_trc": 18, "color_primaries": 9}
    path = clips.film(
        tmp_path / "a.mp4",
        clips.numbered(2),
        codec="libx265",
        pix_fmt="yuv420p10le",
        **tags,
    )
    film = read(path, Fraction(2, 25))[0].film
    assert (film.tags.matrix, film.tags.range) == (9, 2)
    assert (film.tags.transfer, film.tags.primaries) == (18, 9)


def test_pictures_that_cannot_be_decoded_are_passed_over(tmp_path):
    path = clips.film(tmp_path / "a.mkv", clips.numbered(40), codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    middle = data.index(b"\xff\xd8", len(data) // 2)
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(data)
    frames, shown = read(path, Fraction(40, 25))
    assert len(shown) >= 39
    assert shown[-1].time + shown[-1].duration == 40 * frames.film.time_base.denominator // 25


def damaged(path, at, size, **film):
    """A film of 60 pictures, see clips.harm()."""
    return clips.harm(clips.film(path, clips.numbered(60, 128, 96), **film), at, size)


@pytest.mark.parametrize("at", [0.3, 0.5])
def test_lost_pictures_are_held_in_their_places_both_ways(tmp_path, at):
    path = damaged(tmp_path / "a.mp4", at, 300, options={"g": "15"})
    frames, shown = read(path, Fraction(100, 25))
    assert frames.unreadable > 0
    assert [frame.number for frame in shown] == there_and_back(60, 100)
    assert {frame.duration * frames.film.time_base for frame in shown} == {Fraction(1, 25)}
    seen = told(shown)
    there, back = seen[:60], seen[60:]
    held = [n for n in range(60) if there[n] != n]
    assert held
    assert all(there[n] == there[n - 1] for n in held)
    assert held[-1] < held[0] + 15  # the next key frame mends it
    assert back == [there[frame.number] for frame in shown[60:]]


def test_where_a_damaged_container_loses_packets_time_goes_on(tmp_path):
    path = damaged(tmp_path / "a.ts", 1 / 3, 300, options={"g": "25"})
    frames, shown = read(path, None)
    assert sum(f.duration for f in shown) * frames.film.time_base == Fraction(60, 25)
    assert told(shown)[-1] == 59


def test_a_film_of_which_too_much_is_lost_is_damaged(tmp_path):
    path = damaged(tmp_path / "a.mp4", 0.25, 20_000, options={"g": "60"})
    with pytest.raises(errors.DamagedMedia, match="can't be decoded"):
        read(path, Fraction(60, 25))


def test_a_film_that_ends_long_before_it_should_is_damaged(tmp_path):
    path = clips.film(tmp_path / "a.mkv", clips.numbered(200), options={"g": "10"})
    data = bytearray(path.read_bytes())
    size = data.index(b"\x18S\x80g") + 4  # of all that follows: unknown, so only time tells
    data[size : size + 8] = b"\x01" + b"\xff" * 7
    path.write_bytes(data[: len(data) // 3])
    with pytest.raises(errors.DamagedMedia, match="should last"):
        read(path, 8)


def test_leaving_early_ends_the_media_process(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(100))
    with open_frames(path, Fraction(4)) as frames:
        next(iter(frames))
        process = frames._process._process
        assert process.poll() is None
    assert process.poll() is not None


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    return clips.film(tmp_path_factory.mktemp("film") / "a.mp4", clips.numbered(20))


@pytest.mark.parametrize(
    ("length", "numbers"),
    [
        ("loop", [*range(20), *range(10)]),
        ("hold", [*range(20), *[19] * 10]),
        ("cut", range(20)),
        ("video", range(20)),
    ],
)
def test_a_shorter_film_fills_the_sound_as_asked(twenty, length, numbers):
    with open_frames(twenty, Fraction(30, 25), length=length) as frames:
        assert told(list(frames)) == list(numbers)


def test_without_a_sound_the_whole_film_is_read_once(twenty):
    with open_frames(twenty, None) as frames:
        assert told(list(frames)) == list(range(20))
        assert frames.film.seconds == Fraction(20, 25)


@pytest.mark.parametrize("first", [7, 33, 70])
def test_a_later_beginning_gives_what_the_whole_has_there(twenty, first):
    seconds = Fraction(80, 25)
    _, whole = read(twenty, seconds)
    with open_frames(twenty, seconds, first=first) as frames:
        rest = list(frames)
    assert told(rest) == told(whole)[first:]
    assert [(f.number, f.time, f.duration) for f in rest] == [
        (f.number, f.time, f.duration) for f in whole[first:]
    ]


def test_another_rate_leaves_out_and_repeats_by_time(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(15), rate=30)
    with open_frames(path, Fraction(17, 25), frame_rate=25) as frames:
        shown = list(frames)
    assert frames.film.rate == 25
    assert told(shown) == [*range(12), 13, 14, 13, 11, 10]
    assert {f.duration * frames.film.time_base for f in shown} == {Fraction(1, 25)}


def delayed(path, *, video, audio):
    """A film whose two tracks begin at these milliseconds; the last picture lasts two seconds."""
    with av.open(str(path), "w") as out:
        film = out.add_stream("libx264", rate=10, options={"bf": "0"})
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        voice = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        film.codec_context.time_base = Fraction(1, 1000)
        packets = []
        for number, picture in enumerate(clips.numbered(3)):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = 100 * number + video, Fraction(1, 1000)
            packets += film.encode(frame)
        packets += film.encode(None)
        for packet in packets:
            packet.duration = 2000 if packet is packets[-1] else 100
        for frame in clips.sine(0.3, rate=8000):
            frame.pts += 8 * audio
            packets += voice.encode(frame)
        out.mux(packets + voice.encode(None))
    return path


def times_of(path):
    with open_frames(path, None) as frames:
        return [(f.time * frames.film.time_base, f.duration) for f in frames], frames.film.time_base


def test_the_last_picture_of_a_slide_show_is_shown_as_long_as_its_file_says(tmp_path):
    shown, tick = times_of(delayed(tmp_path / "a.mov", video=0, audio=0))
    assert [float(d * tick) for _, d in shown] == pytest.approx([0.1, 0.1, 2], abs=0.001)


@pytest.mark.parametrize(
    ("ending", "video", "audio", "late"),
    [("mkv", 400, 0, 0.4), ("mov", 400, 0, 0.4), ("mkv", 0, 400, 0), ("mkv", 900, 500, 0.4)],
)
def test_a_picture_that_begins_after_its_sound_keeps_its_distance(
    tmp_path, ending, video, audio, late
):
    shown, _ = times_of(delayed(tmp_path / f"a.{ending}", video=video, audio=audio))
    wanted = [late, late + 0.1, late + 0.2]
    assert [float(time) for time, _ in shown] == pytest.approx(wanted, abs=0.001)
