"""Headers, the first picture and the first samples."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer

from inference.media import wire
from inference.media.child import opening, upright
from inference.media.child.refusals import Refused
from inference.media.formats import playable_in_browser
from inference.media.info import AudioInfo, MediaInfo, VideoInfo
from inference.media.limits import MediaLimits

CONTAINERS = {"mov": "mp4", "matroska": "webm"}
LONGEST_STEP_SECONDS = 60  # as in watching
NOTHING_IN_IT = "The file holds neither a picture nor a sound; it may be cut short."
WEBM_CODECS = {"vp8", "vp9", "libvpx", "libvpx-vp9", "libdav1d", "av1"}


def probe(request: dict[str, Any], limits: MediaLimits) -> None:
    info = describe(request["source"], limits)
    wire.send(wire.REPLY, {"kind": "info"} | info.to_mapping())


def describe(fd: int, limits: MediaLimits) -> MediaInfo:
    """Raises Refused unless there is a picture or a sound, and its beginning can be decoded."""
    with opening.opened(fd) as container:
        video = _optional({"no_video_stream"}, lambda: opening.video_stream(container, limits))
        # Whatever sound a film brings is not used: one that can't be read is none.
        bearable = {"no_audio_stream"} | (
            {"unsupported_media", "damaged_media"} if video else set()
        )
        audio = _optional(bearable, lambda: opening.audio_stream(container))
        if video is None and audio is None:
            raise Refused("unsupported_media", NOTHING_IN_IT)
        duration = _duration(container, [stream for stream in (video, audio) if stream])
        if duration > limits.max_seconds and opening.is_streamed(container):
            duration = _played(container, video or audio)
        opening.check_seconds(duration, limits)
        sound = _optional(bearable, lambda: _sound(fd)) if audio else None
        name = _container_name(container, video)
        return MediaInfo(
            container=name,
            duration=duration,
            size_bytes=container.size,
            video=video and _picture(fd, limits, name, sound.codec if sound else None),
            audio=sound,
        )


def _optional(bearable: set[str], find: Callable[[], Any]) -> Any:
    try:
        return find()
    except Refused as refusal:
        if refusal.code not in bearable:
            raise
        return None


def _picture(fd: int, limits: MediaLimits, name: str, sound: str | None) -> VideoInfo:
    with opening.opened(fd) as container:
        stream = opening.video_stream(container, limits)
        return _picture_of(stream, first_frame(container, stream), name, sound)


def _picture_of(stream: av.VideoStream, frame: Any, name: str, sound: str | None) -> VideoInfo:
    codec = stream.codec_context.codec.canonical_name
    shape = upright.Upright.of(frame)
    return VideoInfo(
        codec=codec,
        width=shape.source_box.size[0],
        height=shape.source_box.size[1],
        frame_rate=opening.frame_rate(stream),
        frames=stream.frames or None,
        rotation=shape.turns * 90,
        pix_fmt=frame.format.name,
        tags=upright.tags_of(frame),
        playable_in_browser=playable_in_browser(name, codec, frame.format.name, sound),
    )


def _sound(fd: int) -> AudioInfo:
    with opening.opened(fd) as container:
        stream = opening.audio_stream(container)
        first_frame(container, stream)
        ticks = stream.duration
        return AudioInfo(
            codec=stream.codec_context.codec.canonical_name,
            sample_rate=stream.codec_context.sample_rate,
            channels=stream.codec_context.layout.nb_channels,
            duration=None if not ticks or ticks < 0 else ticks * Fraction(stream.time_base),
        )


def first_frame(container: InputContainer, stream: Any) -> Any:
    """The first picture or samples that can be decoded; the container is one that nothing was read
    from. Raises Refused if there are none.

    Going back to the start is something that files without an index do only about (a transport
    stream lands behind the packet of its first picture), and some, of one packet, not at all.
    """
    for packet in container.demux(stream):
        try:
            for frame in packet.decode():
                return frame
        except av.error.InvalidDataError:
            continue
    raise Refused("damaged_media", f"The file's {stream.type} can't be decoded.")


def _duration(container: InputContainer, streams: list[Any]) -> Fraction:
    """Exact seconds: what the streams' headers say, else the container's, else the last packet."""
    told = [Fraction(s.duration) * s.time_base for s in streams if s.duration and s.duration > 0]
    if told:
        return max(told)
    if container.duration and container.duration > 0:
        return Fraction(container.duration, av.time_base)
    # Recordings made in a browser have no length anywhere.
    ends = [
        (packet.pts + (packet.duration or 0)) * Fraction(packet.time_base)
        for packet in container.demux(*streams)
        if packet.pts is not None
    ]
    if not ends:
        raise Refused("damaged_media", "The file has no content.")
    return max(ends)


def _played(container: InputContainer, stream: Any) -> Fraction:
    """Seconds of a stream whose clock starts over on the way: the sum of its believable steps."""
    seconds, before, base = Fraction(0), None, Fraction(stream.time_base)
    for packet in container.demux(stream):
        if packet.dts is None:
            continue
        step = (packet.dts - (packet.dts if before is None else before)) * base
        believed = 0 <= step <= LONGEST_STEP_SECONDS
        seconds, before = seconds + (step if believed else 0), packet.dts
    return seconds


def _container_name(container: InputContainer, video: Any) -> str:
    family = container.format.name.split(",")[0]
    if family == "mov":
        return "mov" if container.metadata.get("major_brand", "").startswith("qt") else "mp4"
    if family == "matroska":
        codecs = {stream.codec_context.codec.name for stream in container.streams.video}
        return "webm" if codecs <= WEBM_CODECS else "matroska"
    return family
