import contextlib
import os
from fractions import Fraction

import av
import pytest

from inference import errors
from inference.media import MediaLimits, open_frames, probe, read_sound
from tests.inference import clips

PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile /etc/passwd\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    "text": "This is a text.\n" * 100,
    "pointer": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_what_is_not_media_is_refused_whatever_its_name(tmp_path, kind):
    path = tmp_path / "film.mp4"
    path.write_text(PLAYLISTS[kind])
    with pytest.raises(errors.UnsupportedMedia):
        probe(path)


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


@pytest.mark.parametrize("kind", ["empty", "folder", "missing", "pipe"])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "x.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(errors.UnsupportedMedia):
        probe(path)


@pytest.mark.parametrize("name", ["a b.mp4", "it's (1).mp4", "-i.mp4", "$(x);.mp4", "żółć😀.mp4"])
def test_a_name_is_only_a_name(tmp_path, name):
    assert probe(clips.film(tmp_path / "plain.mp4", clips.numbered(3)).rename(tmp_path / name))


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


def test_a_file_that_keeps_the_decoder_busy_is_given_up(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(5))
    with pytest.raises(errors.MediaTimeout):
        probe(path, limits=MediaLimits(silence_seconds=0))
