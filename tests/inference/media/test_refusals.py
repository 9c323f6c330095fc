import contextlib
import os
import unicodedata
from fractions import Fraction

import av
import pytest

from inference import errors
from inference.media import MediaLimits, open_frames, probe, process, read_sound
from tests.inference import clips

LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile /etc/passwd\n",
    "bare concat": "file '/etc/passwd'\nfile 'b.mp4'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    "pls": "[playlist]\nFile1=http://127.0.0.1:9/a.mp4\n",
    "marked hls": "\ufeff\n#extm3u\nhttp://127.0.0.1:9/a.ts\n",
}
PICTURES = {
    "png": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "jpeg": b"\xff\xd8\xff\xe0" + bytes(200),
    "webp": b"RIFF\xc8\0\0\0WEBPVP8 " + bytes(200),
    "heic": b"\0\0\0\x18ftypheic" + bytes(200),
    "avif sequence": b"\0\0\0\x18ftypavis" + bytes(200),
}
OTHERS = {
    "text": b"This is a text.\n" * 100,
    "noise": bytes(range(256)) * 10,
    "script": b"import vapoursynth as vs\n",
}


def refusal_of(path):
    with pytest.raises(errors.UnsupportedMedia) as caught:
        probe(path)
    return str(caught.value)


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_other_files_is_refused_as_such(tmp_path, kind):
    path = tmp_path / "film.mp4"
    path.write_text(LISTS[kind], "utf-8")
    assert "names other files" in refusal_of(path)


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_is_no_video(tmp_path, kind):
    path = tmp_path / "film.mp4"
    path.write_bytes(PICTURES[kind])
    assert "picture" in refusal_of(path)


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_not_media_is_refused_whatever_its_name(tmp_path, kind):
    path = tmp_path / "film.mp4"
    path.write_bytes(OTHERS[kind])
    assert "not a video or sound file" in refusal_of(path)


def test_a_pointer_file_is_named_as_such(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    assert "Git LFS pointer" in refusal_of(path)


def test_a_numbered_series_of_pictures_has_no_name_that_is_followed(tmp_path):
    for number in range(3):
        (tmp_path / f"{number:03d}.png").write_bytes(PICTURES["png"])
    assert "No such file" in refusal_of(tmp_path / "%03d.png")
    assert "No such file" in refusal_of(tmp_path / "*.png")


def referring(path, entry):
    """A film whose first track's media lies where a dref entry says."""
    data = bytearray(clips.film(path, clips.numbered(5), sound=True).read_bytes())
    start = data.rindex(b"moov") - 4
    place = data.index(b"dref", start) + 12
    old = int.from_bytes(data[place : place + 4], "big")
    data[place : place + old] = len(entry).to_bytes(4, "big") + entry[4:]
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = data.index(box, start) - 4
        size = int.from_bytes(data[at : at + 4], "big") + len(entry) - old
        data[at : at + 4] = size.to_bytes(4, "big")
    path.write_bytes(data)
    return path


URL = b"\0\0\0\0url \0\0\0"


@pytest.mark.parametrize(
    "entry",
    [
        URL + b"\0file:///etc/passwd\0",
        URL + b"\0http://127.0.0.1:9/a.mp4\0",
        b"\0\0\0\0alis\0\0\0\0" + bytes(20) + b"other.mov",
    ],
)
def test_a_film_that_lies_in_another_file_is_refused(tmp_path, entry):
    assert "another file" in refusal_of(referring(tmp_path / "a.mp4", entry))


@pytest.mark.parametrize("entry", [URL + b"\1", URL + b"\0", URL + b"\0\0"])
def test_a_film_that_only_forgot_to_say_so_lies_in_its_own_file(tmp_path, entry):
    assert probe(referring(tmp_path / "a.mp4", entry)).video.frames == 5


def test_a_cut_file_without_an_index_is_damaged(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(50))
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(errors.DamagedMedia):
        probe(path)


def test_a_cut_file_whose_index_survived_is_damaged(tmp_path):
    path = tmp_path / "a.mp4"
    whole = clips.film(tmp_path / "whole.mp4", clips.numbered(50))
    with (
        av.open(str(whole)) as source,
        av.open(str(path), "w", options={"movflags": "+faststart"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    probe(path)
    os.truncate(path, path.stat().st_size * 3 // 4)
    with pytest.raises(errors.DamagedMedia, match="cut short"):
        probe(path)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("empty", "empty"), ("folder", "folder"), ("missing", "No such file"), ("pipe", "device")],
)
def test_what_is_no_file_is_said_before_any_process_starts(tmp_path, monkeypatch, kind, said):
    path = tmp_path / "x.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    monkeypatch.setattr(process, "subprocess", None)
    assert said in refusal_of(path)


NAMES = [
    "a b.mp4", "clip (1).mp4", "it's.mp4", "-i.mp4", "$(x);.mp4", "a;b.mp4", "a\nb.mp4", "%03d.mp4",
    "żółć_视频_😀.mp4", unicodedata.normalize("NFD", "żółć.mp4"), "no ending", "concat:a|b.mp4",
    "file:x.mp4", ".hidden",
]  # fmt: skip


def test_a_name_is_only_a_name(tmp_path):
    film = clips.film(tmp_path / "plain.mp4", clips.numbered(3))
    folder = tmp_path / "żółć 视频 😀"
    folder.mkdir()
    for name in NAMES:
        film = film.rename(folder / name)
        assert probe(film).video.frames == 3


@pytest.mark.parametrize(
    "limits",
    [
        MediaLimits(max_side=32),
        MediaLimits(max_pixels=64 * 47),
        MediaLimits(max_seconds=1),
        MediaLimits(max_frame_rate=24),
        MediaLimits(max_bytes=1000),
    ],
)
def test_more_than_the_limits_allow_is_refused(tmp_path, limits):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(50))
    probe(path)
    with pytest.raises(errors.MediaTooLarge):
        probe(path, limits=limits)


def test_a_picture_that_grows_on_its_way_meets_the_limit_too(tmp_path):
    path = tmp_path / "a.ts"
    parts = [
        clips.film(tmp_path / f"{side}.ts", clips.numbered(25, side, side), options={"g": "5"})
        for side in (64, 256)
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))

    def shown(limits):
        with open_frames(path, Fraction(1), limits=limits) as frames:
            return [frame.number for frame in frames]

    assert len(shown(MediaLimits())) == 25
    small = MediaLimits(max_pixels=64 * 64)
    with (
        open_frames(path, Fraction(3), limits=small) as frames,
        contextlib.suppress(errors.DamagedMedia),
    ):
        assert max(frame.number for frame in frames) < 25


def test_a_film_whose_sound_cannot_be_read_is_a_film_without_sound(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        video = out.add_stream("mjpeg", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        voice = out.add_stream("wavpack", rate=48000, layout="mono")
        for picture in clips.numbered(10):
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        for frame in clips.sine(0.4):
            out.mux(voice.encode(frame))
        out.mux(video.encode(None))
        out.mux(voice.encode(None))
    info = probe(path)
    assert info.video is not None
    assert info.audio is None
    with pytest.raises(errors.UnsupportedMedia, match="wavpack"):
        read_sound(path, tmp_path / "spool")


def test_a_decoder_that_is_not_on_the_list_is_refused(tmp_path):
    path = clips.film(tmp_path / "a.avi", clips.numbered(5), codec="magicyuv", pix_fmt="gbrp")
    with pytest.raises(errors.UnsupportedMedia, match="magicyuv"):
        probe(path)


def test_a_film_without_sound_has_no_voice(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(5))
    with pytest.raises(errors.NoAudio):
        read_sound(path, tmp_path / "spool")


def test_sound_has_no_picture(tmp_path):
    path = clips.sound(tmp_path / "a.wav")
    with pytest.raises(errors.NoVideo), open_frames(path, 1):
        pass
