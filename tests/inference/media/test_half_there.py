"""Files of which a part is missing, and what a server sent in their place."""

import pytest

from inference import errors
from inference.media import probe
from tests.inference import clips

PAGES = {
    "page": "<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "bare page": "\n <HTML><head></head></HTML>",
    "storage": '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code></Error>',
}
LISTS = {
    "xspf": '<?xml version="1.0"?><playlist xmlns="http://xspf.org/ns/0/"></playlist>',
    "smooth": "<SmoothStreamingMedia></SmoothStreamingMedia>",
    "f4m": '<manifest xmlns="http://ns.adobe.com/f4m/1.0"></manifest>',
}


@pytest.mark.parametrize("ending", ["mkv", "webm"])
@pytest.mark.parametrize("part", [0.5, 0.97])
def test_a_matroska_file_that_is_cut_short_is_damaged(tmp_path, ending, part):
    codec = "libvpx" if ending == "webm" else "libx264"
    path = clips.film(tmp_path / f"a.{ending}", clips.numbered(50), codec=codec)
    whole = path.read_bytes()
    assert probe(path).video is not None
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(errors.DamagedMedia, match="cut short"):
        probe(path)


def test_a_recording_whose_size_was_never_written_down_is_whole(tmp_path):
    path = clips.film(tmp_path / "a.mkv", clips.numbered(50), codec="libx264")
    data = bytearray(path.read_bytes())
    place = data.index(b"\x18S\x80g") + 4
    assert data[place] == 1  # a size of eight bytes
    data[place : place + 8] = b"\x01" + b"\xff" * 7
    path.write_bytes(data[: len(data) * 3 // 4])
    assert probe(path).video is not None


@pytest.mark.parametrize("kind", PAGES)
def test_what_a_server_answered_is_named(tmp_path, kind):
    path = tmp_path / "film.mp4"
    path.write_text(PAGES[kind], "utf-8")
    with pytest.raises(errors.UnsupportedMedia, match="error message, not a film"):
        probe(path)


@pytest.mark.parametrize("kind", LISTS)
def test_other_lists_are_lists_too(tmp_path, kind):
    path = tmp_path / "film.mp4"
    path.write_text(LISTS[kind], "utf-8")
    with pytest.raises(errors.UnsupportedMedia, match="names other files"):
        probe(path)


def test_an_index_that_is_cut_before_its_first_track_holds_nothing(tmp_path):
    path = clips.film(tmp_path / "a.mp4", clips.numbered(25))
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moov") + 120])
    with pytest.raises(errors.Refusal, match=r"cut short|damaged"):
        probe(path)
