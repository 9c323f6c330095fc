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
# Of these the length in the header may be far off though the file is whole: the distance of two
# timestamps of a clock that starts over, what a writer into a pipe put in its place, that of a
# sound of which this is a piece, or a guess. Their packets are counted, without being decoded.
MISTOLD = {*opening.STREAMED, "aiff", "flac", "mp3", "aac"}
MOST_ROUNDED_SECONDS = 1
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
        streams = [stream for stream in (video, audio) if stream]
        played = _played(container, streams) if container.format.name in MISTOLD else {}
        duration = max(played.values()) if played else _duration(container, streams)
        opening.check_seconds(duration, limits)
        sound = _optional(bearable, lambda: _sound(fd, played)) if audio else None
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


def _sound(fd: int, played: dict[int, Fraction]) -> AudioInfo:
    with opening.opened(fd) as container:
        stream = opening.audio_stream(container)
        first_frame(container, stream)
        return AudioInfo(
            codec=stream.codec_context.codec.canonical_name,
            sample_rate=stream.codec_context.sample_rate,
            channels=stream.codec_context.layout.nb_channels,
            duration=played.get(stream.index) or _told(stream),
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
    told = [seconds for seconds in map(_told, streams) if seconds]
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


def _told(stream: Any) -> Fraction | None:
    """Seconds by the word of the stream's header."""
    ticks = stream.duration
    return ticks * Fraction(stream.time_base) if ticks and ticks > 0 else None


def _played(container: InputContainer, streams: list[Any]) -> dict[int, Fraction]:
    """Seconds of each stream, by its number: what its header tells if its packets bear that out,
    else the sum of their believable steps. The container is read to its end."""
    sums = {stream.index: Steps() for stream in streams}
    for packet in container.demux(*streams):
        if packet.dts is not None:
            sums[packet.stream.index].add(packet)
    told = {stream.index: _told(stream) for stream in streams}
    return {n: steps.settled(told[n]) for n, steps in sums.items() if steps.seconds}


class Steps:
    """Adds up how long a stream's packets last, on a clock that may start over on the way."""

    def __init__(self) -> None:
        self._passed = self._lasts = Fraction(0)
        self._before: int | None = None

    def add(self, packet: av.Packet) -> None:
        base = Fraction(packet.time_base)
        if self._before is not None:
            step = (packet.dts - self._before) * base
            believed = 0 <= step <= LONGEST_STEP_SECONDS
            self._passed += step if believed else self._lasts
        self._before, self._lasts = packet.dts, (packet.duration or 0) * base

    @property
    def seconds(self) -> Fraction:
        return self._passed + self._lasts

    def settled(self, told: Fraction | None) -> Fraction:
        near = told is not None and abs(told - self.seconds) <= MOST_ROUNDED_SECONDS
        return told if told is not None and near else self.seconds


def _container_name(container: InputContainer, video: Any) -> str:
    family = container.format.name.split(",")[0]
    if family == "mov":
        return "mov" if container.metadata.get("major_brand", "").startswith("qt") else "mp4"
    if family == "matroska":
        codecs = {stream.codec_context.codec.name for stream in container.streams.video}
        return "webm" if codecs <= WEBM_CODECS else "matroska"
    return family
