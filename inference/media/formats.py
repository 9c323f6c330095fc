"""What may be opened: demuxers and decoders by FFmpeg's names. Whatever is missing is refused.

Playlists and scripts (hls, dash, concat, sdp, image2) stay out because they name other files;
exotic decoders because nobody tests them against hostile input.
"""

DEMUXERS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "flv",
    "wav", "w64", "aiff", "caf", "mp3", "aac", "ogg", "flac", "amr",
)  # fmt: skip

VIDEO_DECODERS = (
    "h264", "hevc", "vp8", "vp9", "libdav1d", "av1", "mpeg4", "mpeg2video", "mpeg1video",
    "h263", "mjpeg", "prores", "dnxhd", "ffv1", "theora",
)  # fmt: skip

AUDIO_DECODERS = (
    "aac", "mp3", "mp3float", "mp2", "mp2float", "opus", "libopus", "vorbis", "flac", "alac",
    "ac3", "eac3", "amrnb", "amrwb",
    "pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be",
    "pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be",
    "pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav",
)  # fmt: skip

# Sound that goes into the result as it was coded, and the encoder of the same codec: it lends its
# header to packets which it didn't make.
CARRIED_SOUND = {"aac": "aac", "mp3": "libmp3lame", "flac": "flac", "opus": "libopus"}

# First bytes (offset, value) of what we do open: a file that begins so and can't be read is
# damaged; any other was never media.
SIGNATURES = (
    (4, b"ftyp"), (4, b"moov"), (4, b"mdat"), (4, b"wide"), (4, b"free"), (4, b"skip"),
    (0, b"\x1aE\xdf\xa3"), (0, b"RIFF"), (0, b"OggS"), (0, b"fLaC"), (0, b"ID3"),
    (0, b"\xff\xfb"), (0, b"\x00\x00\x01\xba"), (0, b"FLV"), (0, b"FORM"),
)  # fmt: skip

# Of those, what nothing else begins with.
CERTAIN_SIGNATURES = (
    (4, b"ftyp"), (4, b"moov"), (4, b"mdat"), (0, b"\x1aE\xdf\xa3"), (0, b"OggS"), (0, b"fLaC"),
    (0, b"FLV"),
)  # fmt: skip

# What Chromium, Firefox and Safari all play in a <video>: 8-bit H.264 with AAC or MP3 in MP4,
# VP8/VP9 with Vorbis or Opus in WebM.
BROWSER_PAIRS = {
    "mp4": ({"h264"}, {"aac", "mp3", None}),
    "webm": ({"vp8", "vp9"}, {"vorbis", "opus", None}),
}


def playable_in_browser(container: str, video: str, pix_fmt: str, audio: str | None) -> bool:
    videos, audios = BROWSER_PAIRS.get(container, (set(), set()))
    return video in videos and audio in audios and pix_fmt in ("yuv420p", "yuvj420p")
