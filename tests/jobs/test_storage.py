"""The storage that is a folder: whole objects only, and a count of what has come or gone."""

import errno
import hashlib

import pytest
from django.core.files.storage import FileSystemStorage

from jobs import storage
from messaging.ids import new_id

CONTENT = bytes(range(256)) * (3 * storage.CHUNK_BYTES // 256)


@pytest.fixture
def file(shelves, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


def test_bytes_are_counted_on_their_way_out_and_in(file, tmp_path):
    moved = []
    storage.put(storage.outputs(), "a/b", file, moved.append)
    assert moved == [storage.CHUNK_BYTES] * 3
    storage.fetch("a/b", tmp_path / "again", moved.append, shelf=storage.outputs())
    assert moved == [storage.CHUNK_BYTES] * 6
    assert (tmp_path / "again").read_bytes() == CONTENT


def test_an_object_takes_the_place_of_the_one_before(file, tmp_path):
    (tmp_path / "old").write_bytes(b"what was there")
    storage.put(storage.outputs(), "a/b", tmp_path / "old")
    storage.put(storage.outputs(), "a/b", file)
    assert storage.outputs().open("a/b").read() == CONTENT


def test_a_full_disk_leaves_no_half_object(file):
    def full(count):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        storage.put(storage.outputs(), "a/b", file, full)
    assert not storage.outputs().exists("a/b")


def test_a_name_that_the_folder_has_changed_is_an_error(file, monkeypatch):
    monkeypatch.setattr(FileSystemStorage, "save", lambda self, name, content: f"{name}_1")
    with pytest.raises(OSError, match="stored as a/b_1"):
        storage.put(storage.outputs(), "a/b", file)


def test_size_and_hash_are_of_all_of_a_file(file):
    assert storage.size_and_hash(file) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def test_what_lies_below_a_prefix_is_removed_and_nothing_beside_it(file):
    job, other = new_id(), new_id()
    prefix = storage.segments_prefix(job, job)
    kept = [f"{prefix}-not", storage.result_key(job, job, job), f"{other}/{job}/segments/x"]
    for key in (f"{prefix}/{job}/00000.mp4", f"{prefix}/{other}/00000.json", *kept):
        storage.put(storage.outputs(), key, file)
    storage.remove_below(storage.outputs(), prefix)
    assert {key for key, _ in storage.listed(storage.outputs())} == set(kept)
