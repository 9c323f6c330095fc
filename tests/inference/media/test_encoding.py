import av
import numpy as np
import pytest

from inference import errors
from inference.media import encoding, open_frames, probe
from inference.media.encoding import Encoding
from inference.media.info import ColorTags
from inference.media.segment import SegmentWriter
from tests.inference import clips
from tests.inference.media.test_segments import decoded, in_pieces, result

HLG = {"colorspace": 9, "color_range": 1, "color_trc": 18, "color_primaries": 9}
PQ = HLG | {"color_trc": 16}
HD = {"colorspace": 1, "color_range": 1, "color_trc": 1, "color_primaries": 1}
FULL = {"colorspace": 1, "color_range": 2, "color_trc": 1, "color_primaries": 1}


def ffv1(tmp_path, pix_fmt, size=(64, 48), frames=4, **tags):
    pictures = clips.numbered(frames, *size)
    return clips.film(tmp_path / "a.mkv", pictures, codec="ffv1", pix_fmt=pix_fmt, **tags)


def piece(folder, source, encoding=None):
    """The whole film as one segment: where it is, its film, the frames shown."""
    paths, film, shown = in_pieces(source, folder, [], encoding)
    return paths[0], film, shown


@pytest.mark.parametrize(
    ("pix_fmt", "asked", "codec"),
    [
        ("yuv420p", None, "h264"),
        ("yuv422p", None, "h264"),
        ("yuv444p", None, "h264"),
        ("yuv420p10le", None, "hevc"),
        ("yuv422p10le", None, "hevc"),
        ("yuv420p", "hevc", "hevc"),
        ("yuv420p10le", "h264", "h264"),
    ],
)
def test_the_codec_goes_by_depth_unless_one_is_asked_for(tmp_path, pix_fmt, asked, codec):
    source = ffv1(tmp_path, pix_fmt)
    out, _, _ = piece(tmp_path, source, Encoding(asked))
    video = probe(out).video
    assert (video.codec, video.pix_fmt) == (codec, pix_fmt)


@pytest.mark.parametrize(
    ("pix_fmt", "tags"),
    [
        ("yuv420p10le", HLG),
        ("yuv420p10le", PQ),
        ("yuv420p", HD),
        ("yuv420p", FULL),
        ("yuv420p10le", HLG | {"color_range": 2}),
        ("yuv420p", {}),
    ],
)
def test_tags_and_depth_come_out_as_they_went_in(tmp_path, pix_fmt, tags):
    source = ffv1(tmp_path, pix_fmt, **tags)
    out, _, _ = result(tmp_path, source, [], sound=0.16)
    video = probe(out).video
    names = ("colorspace", "color_range", "color_trc", "color_primaries")
    assert video.tags == ColorTags(*(tags.get(n, 0 if "range" in n else 2) for n in names))
    assert video.tags == probe(source).video.tags
    assert ("10" in video.pix_fmt) == ("10" in pix_fmt)


MASTERED = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def test_what_hdr_was_graded_on_is_passed_on(tmp_path):
    parameters = {"x265-params": f"log-level=none:master-display={MASTERED}:max-cll=1000,400"}
    pictures = clips.numbered(4)
    source = clips.film(
        tmp_path / "a.mkv",
        pictures,
        codec="libx265",
        pix_fmt="yuv420p10le",
        options=parameters,
        **PQ,
    )
    out, film, _ = piece(tmp_path, source)
    with open_frames(out, None) as frames:
        made = frames.film.grading
    assert made == film.grading
    assert made.x265() == f"master-display={MASTERED}:max-cll=1000,400"


def test_a_full_range_ramp_keeps_its_ends_and_its_steps(tmp_path):
    ramp = np.linspace(0, 1023, 256).astype("<u2")
    source = tmp_path / "ramp.mkv"
    with av.open(str(source), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 64, "yuv420p10le"
        stream.codec_context.color_range, stream.codec_context.color_trc = 2, 18
        frame = av.VideoFrame(256, 64, "yuv420p10le")
        for plane, row in zip(frame.planes, (ramp, ramp[::2], ramp[::2]), strict=True):
            rows = np.frombuffer(plane, "<u2").reshape(plane.height, -1)
            rows[:, : plane.width] = row
        frame.color_range = 2
        out.mux(stream.encode(frame) + stream.encode(None))
    made, _, shown = piece(tmp_path, source)
    assert (shown[0].picture.planes[0] == ramp).all()
    seen = decoded(made)[0][1][0].astype(int)
    assert np.abs(seen - ramp).max() <= 6
    assert probe(made).video.tags.range == 2


@pytest.mark.parametrize(
    ("pix_fmt", "exact_size", "size", "made_as"),
    [
        ("yuv420p", False, (64, 48), "yuv420p"),
        ("yuv420p", True, (63, 47), "yuv444p"),
        ("yuv420p10le", True, (63, 47), "yuv444p10le"),
        ("yuv444p", False, (63, 47), "yuv444p"),
    ],
)
def test_an_odd_size_grows_or_is_kept_in_444(tmp_path, pix_fmt, exact_size, size, made_as):
    source = ffv1(tmp_path, pix_fmt, (63, 47))
    encoding = Encoding(exact_size=exact_size)
    out, _, shown = piece(tmp_path, source, encoding)
    video = probe(out).video
    assert (video.width, video.height, video.pix_fmt) == (*size, made_as)
    for (_, planes), frame in zip(decoded(out), shown, strict=True):
        luma = planes[0] >> 2 if "10" in pix_fmt else planes[0]
        assert clips.number_of(luma) == frame.number


@pytest.mark.parametrize("size", [(1058, 793), (931, 500), (931, 501)])
def test_reported_sizes_are_coded(tmp_path, size):
    source = ffv1(tmp_path, "yuv420p", size, frames=1)
    out, film, _ = piece(tmp_path, source)
    assert film.source_box.size == size
    assert (film.width, film.height) == tuple(side + side % 2 for side in size)
    assert (probe(out).video.width, probe(out).video.height) == (film.width, film.height)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_quality_decides_the_size_of_the_file(tmp_path, codec):
    rng = np.random.default_rng(0)
    noise = [rng.integers(60, 180, (96, 128, 3), dtype=np.uint8) for _ in range(3)]
    source = clips.film(tmp_path / "a.mkv", noise, codec="ffv1")
    sizes = []
    for quality in (10, 30):
        out, _, _ = piece(tmp_path, source, Encoding(codec, quality))
        sizes.append(sum(map(len, clips.packets(out, "video"))))
    assert sizes[0] > 2 * sizes[1]


@pytest.mark.parametrize("wrong", [{"codec": "vp9"}, {"quality": -1}, {"quality": 52}])
def test_what_no_encoder_can_do_is_a_bad_option(wrong):
    with pytest.raises(errors.BadOption):
        Encoding(**wrong).check()


def test_a_missing_encoder_is_named_before_any_work(monkeypatch):
    Encoding().check()
    monkeypatch.setitem(encoding.ENCODERS, "hevc", ("libx000", {}))
    with pytest.raises(errors.EngineFault, match="libx000"):
        Encoding().check()
    Encoding("h264").check()


def test_the_same_frames_are_coded_alike_each_time(tmp_path):
    """With AVX-512 libx264 codes one time in ten another film: a run that goes on would differ."""
    moving = [np.roll(clips.sample_face()[::2, ::2], shift, axis=1) for shift in range(0, 96, 2)]
    source = clips.film(tmp_path / "a.mkv", moving, codec="ffv1", pix_fmt="yuv420p", rate=5)
    with open_frames(source, None) as frames:
        shown = list(frames)
    made = set()
    for size in range(25):
        bytearray(size << 14)  # memory that was used before is what makes the difference
        with SegmentWriter(tmp_path / "made.mp4", frames.film) as writer:
            for frame in shown:
                writer.write(frame)
        made.add((tmp_path / "made.mp4").read_bytes())
    assert len(made) == 1


def test_only_a_processor_that_knows_them_all_is_told_which_instructions_to_use():
    flags = {*encoding.STEADY_FLAGS, encoding.UNSTEADY}
    assert encoding.steady(flags) == {"x264-params": encoding.STEADY}
    for flag in flags:
        assert encoding.steady(flags - {flag}) == {}
