"""What the child reads of coded sound before it decides to pass it on."""

import av
import pytest

from inference.media.child import coding


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (bytes([0b00000_000]), 480),  # SILK, 10 ms, one frame
        (bytes([0b00011_000]), 2880),  # SILK, 60 ms
        (bytes([0b01101_001, 0]), 1920),  # hybrid, 20 ms, two frames
        (bytes([0b11111_000]), 960),  # CELT, 20 ms
        (bytes([0b10000_011, 5]), 600),  # CELT, 2.5 ms, five frames
        (b"", 0),
    ],
)
def test_an_opus_packet_tells_how_long_it_lasts(packet, samples):
    assert coding.opus_samples(packet) == samples


def adts(*, kind=2, rate=4, channels=2, blocks=1):
    """A header of ISO/IEC 13818-7 without a checksum, and some payload."""
    head = 0xFFF1 << 40 | (kind - 1) << 38 | rate << 34 | channels << 30
    return (head | 27 << 13 | 0x7FF << 2 | blocks - 1).to_bytes(7, "big") + bytes(20)


def test_a_raw_aac_stream_s_header_becomes_a_configuration():
    assert coding.adts_config(adts()) == bytes.fromhex("1210")  # AAC-LC, 44.1 kHz, stereo
    assert coding.adts_config(adts(rate=11, channels=1)) == bytes.fromhex("1588")  # 8 kHz, mono


@pytest.mark.parametrize("packet", [adts(channels=0), adts(blocks=2), b"", bytes(30), b"\xff\xf1"])
def test_a_header_that_does_not_tell_all_gives_none(packet):
    assert coding.adts_config(packet) == b""


@pytest.mark.parametrize(
    ("config", "rate", "plain"),
    [
        ("1210", 44100, True),
        ("121056e500", 44100, True),
        ("2b9208", 44100, False),  # HE-AAC, told
        ("1390", 44100, False),  # HE-AAC, untold: the decoder doubles 22.05 kHz
        ("1214", 44100, False),  # frames of 960 samples
        ("12", 44100, False),
        ("", 44100, False),
    ],
)
def test_only_plain_low_complexity_is_passed_on(config, rate, plain):
    assert coding._plain(bytes.fromhex(config), rate) is plain


@pytest.mark.parametrize(
    ("layout", "name"),
    [("5.1(side)", "5.1(side)"), ("1 channels", "mono"), ("3 channels", "2.1"), ("quad", "quad")],
)
def test_channels_without_names_get_the_usual_ones(layout, name):
    assert coding.named_layout(av.AudioLayout(layout)) == name


@pytest.mark.parametrize(
    ("layout", "rate", "coded"),
    [("5.1(side)", 48000, ("5.1", 48000)), ("quad", 37800, ("quad", 44100))],
)
def test_our_aac_keeps_the_speakers_and_takes_the_next_rate(layout, rate, coded):
    frame = av.AudioFrame(format="s16", layout=layout, samples=16)
    frame.sample_rate = rate
    encoder = coding.encoder(frame)
    assert (encoder.layout.name, encoder.sample_rate) == coded
    assert encoder.extradata
