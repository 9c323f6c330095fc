import json
import shutil
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from inference import errors
from inference.files import SEAL, read_mapping, sha256_of, write_mapping
from inference.model.checkpoint import load_bundle
from inference.model.latentsync import LatentSync
from inference.pipeline.job import anew, recipe_of
from inference.pipeline.lipsync import sync
from inference.results import segments
from inference.results.earlier import earlier_on
from inference.results.recipe import Edit, Recipe
from inference.results.segments import Segment
from inference.results.shelf import Shelf
from inference.speakers import Turn
from tests.inference import clips, models
from tests.inference.runs import PLAIN, SIZE, Tinted

BASE = replace(PLAIN, seed=3)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A segment is a window of 16 frames."""
    monkeypatch.setattr(segments, "SEGMENT_SECONDS", Fraction(16, 25))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    video = clips.film(folder / "a.mp4", clips.faces(40, *SIZE, gap=[20, 21]))
    return video, clips.sound(folder / "a.wav", 2.0)


@pytest.fixture
def run(pair, tmp_path):
    """sync() that keeps its segments; the frames given to the encoder, by their time."""
    workdir = tmp_path / "work"
    workdir.mkdir()

    def run(network=None, folder="segments", options=BASE, pair=pair, **more):
        return sync(
            *pair,
            tmp_path / f"{folder}.mp4",
            model=network or Tinted(),
            options=options,
            workdir=workdir,
            segments=tmp_path / folder,
            **more,
        )

    yield run
    assert not list(workdir.iterdir())


def stopped_at(place, after=None, *, finished=1):
    """Canceled at that place, but not before the folder `after` has so many whole segments: the
    encoder may be far behind."""

    def behind():
        return after is None or len(list(after.glob("*.json"))) >= finished

    return Tinted(fails_at=place, error=errors.Canceled("stop"), behind=behind)


def test_segments_end_on_windows_borders_and_say_what_made_them(run, tmp_path):
    run()
    folder = tmp_path / "segments"
    names = [f"{number:05d}.{kind}" for number in range(4) for kind in ("json", "mp4")]
    assert sorted(path.name for path in folder.iterdir()) == [*names, "complete.json"]
    records = [json.loads((folder / f"0000{number}.json").read_text()) for number in range(4)]
    assert [(record["first"], record["frames"]) for record in records] == [
        (0, 16),
        (16, 16),
        (32, 16),
        (48, 2),
    ]
    recipe = records[3]["recipe"]
    assert (recipe["options"]["seed"], recipe["model"]["name"]) == (3, "identity")
    assert len(recipe["video"]) == len(recipe["audio"]) == 64


def test_a_run_goes_on_after_the_last_whole_segment_and_gives_the_same(run, tmp_path):
    whole = run(folder="whole")
    with pytest.raises(errors.Canceled):
        run(stopped_at(48, tmp_path / "segments"))
    finished = len(list((tmp_path / "segments").glob("*.mp4")))
    assert finished in (1, 2, 3)  # what was under way is lost, no more
    rest = Tinted()
    result = run(rest)
    assert min(rest.places) == 16 * finished
    assert result.sha256 == whole.sha256
    assert result.report["frames"] == whole.report["frames"]
    assert result.report["sharpness"] == whole.report["sharpness"]
    assert [track["frames"] for track in result.faces["tracks"]] == [
        track["frames"] for track in whole.faces["tracks"]
    ]


def test_the_source_is_counted_for_the_whole_result_whoever_made_which_part(run, tmp_path):
    """A damaged film, shown there and back: neither a run that goes on on the way back nor a part
    made anew reads all of it."""
    film = clips.film(tmp_path / "a.mp4", clips.faces(40, *SIZE), options={"g": "8"})
    voice = clips.sound(tmp_path / "long.wav", 3.0)
    pair = clips.harm(film, 0.3, 300), voice

    def counted(result):
        warnings = [note["message"] for note in result.report["warnings"]]
        return result.report["frames"]["source"], [text for text in warnings if "read" in text]

    whole = counted(run(pair=pair, folder="whole"))
    assert whole[0] == 40
    assert len(whole[1]) == 1
    with pytest.raises(errors.Canceled):
        run(stopped_at(70, tmp_path / "segments", finished=3), pair=pair)
    assert counted(run(pair=pair)) == whole
    anew = run(pair=pair, options=replace(BASE, seed=40), part=(Fraction(0), Fraction("0.1")))
    assert counted(anew) == whole


def test_a_run_of_which_all_is_there_only_joins(run):
    whole = run()
    again = Tinted()
    assert run(again).sha256 == whole.sha256
    assert again.places == []


@pytest.fixture(scope="module")
def whole(pair, tmp_path_factory):
    """A folder with all segments of a result, and the recipe that made them."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "SEGMENT_SECONDS", Fraction(16, 25))
        sync(
            *pair,
            folder / "out.mp4",
            model=Tinted(),
            options=BASE,
            workdir=folder,
            segments=folder / "segments",
        )
    return folder / "segments", recipe_of(*pair, BASE, Tinted())


@pytest.fixture
def shelf(whole, tmp_path):
    shutil.copytree(whole[0], tmp_path / "copy")
    return Shelf(tmp_path / "copy")


@pytest.mark.parametrize(
    "harm",
    [
        "cut short",
        "other bytes",
        "no record",
        "no JSON",
        "swapped",
        "one letter",
        "less",
        "unsealed",
        "of another version",
        "measured otherwise",
    ],
)
def test_a_segment_that_is_not_what_its_record_says_is_not_there(whole, shelf, harm):
    assert len(shelf.finished(whole[1])) == 4
    film, record = shelf.file(1), shelf.record(1)
    data = film.read_bytes()
    if harm == "cut short":
        film.write_bytes(data[:-10])
    elif harm == "other bytes":
        film.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif harm == "no record":
        record.unlink()
    elif harm == "no JSON":
        record.write_text("[]")
    elif harm == "one letter":
        told = bytearray(record.read_bytes())
        told[told.index(b'"numbers": "') + 20] ^= 1
        record.write_bytes(told)
    elif harm == "of another version":
        write_mapping(record, read_mapping(record) | {"version": segments.VERSION - 1})
    elif harm == "measured otherwise":
        write_mapping(record, read_mapping(record) | {"frames": "16"})
    elif harm in ("less", "unsealed"):
        told = json.loads(record.read_text())
        told.pop("scout" if harm == "less" else SEAL)
        record.write_text(json.dumps(told))
    else:
        shutil.copy(shelf.record(2), record)
    assert len(shelf.finished(whole[1])) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"options": replace(BASE, seed=4)},
        {"options": replace(BASE, length="hold")},
        {"video": "0" * 64},
        {"audio": "0" * 64},
        {"model": {"name": "another"}},
        {"device": "cuda:0"},
    ],
)
def test_segments_of_another_run_are_not_taken(whole, shelf, change):
    assert shelf.finished(replace(whole[1], **change)) == []


def test_a_model_of_the_same_name_with_other_weights_is_another_model(tmp_path):
    model = load_bundle(models.bundle(tmp_path), torch.device("cpu"))
    manifest = json.loads(json.dumps(model.manifest))
    manifest["files"]["unet"]["sha256"] = "0" * 64
    other = replace(model, manifest=manifest)
    assert LatentSync(other).to_mapping() == LatentSync(model).to_mapping()
    assert LatentSync(other).origin() != LatentSync(model).origin()
    json.dumps(LatentSync(model).origin())


def test_two_runs_never_share_a_folder(run, tmp_path):
    (tmp_path / "segments").mkdir()
    with (
        Shelf(tmp_path / "segments").locked(),
        pytest.raises(errors.BadOption, match="Another run"),
    ):
        run()


def test_a_machine_without_room_for_a_process_is_not_taken_for_another_run(tmp_path):
    with pytest.raises(BlockingIOError), Shelf(tmp_path).locked():
        raise BlockingIOError("fork")


def put_on(shelf, number, recipe, **more):
    """A piece of sixteen frames, in a file that is none of a film."""
    (made := shelf.folder / "made").write_bytes(b"film")
    piece = Segment(
        number=number,
        first=16 * number,
        frames=16,
        tick="1/25",
        start=16 * number,
        last=16 * number + 15,
        end=16 * number + 16,
        sha256=sha256_of(made),
        size_bytes=4,
        recipe=recipe.to_mapping(),
        **more,
    )
    shelf.put(piece, made)
    return piece


def test_a_shorter_result_leaves_no_piece_of_a_longer_one(whole, shelf):
    (shelf.folder / "00007.part").write_bytes(b"of a run that was killed")
    (shelf.folder / "00007.txt").write_text("somebody else's")
    pieces = shelf.finished(whole[1])
    shelf.close(pieces[1])
    left = sorted(path.name for path in shelf.folder.iterdir() if path.name > "00001.z")
    assert left == ["00007.txt", "complete.json"]
    assert shelf.finished(whole[1]) == pieces[:2]
    assert earlier_on(shelf, whole[1]).segments == pieces[:2]


def test_each_piece_is_told_when_file_and_record_are_in_place(run, tmp_path):
    told = []

    def on_segment(number):
        told.append(number)
        record = json.loads((tmp_path / "segments" / f"{number:05d}.json").read_text())
        file = tmp_path / "segments" / f"{number:05d}.mp4"
        assert sha256_of(file) == record["sha256"]

    with pytest.raises(errors.Canceled):
        run(stopped_at(48, tmp_path / "segments"), on_segment=on_segment)
    finished = list(told)
    assert finished
    assert finished == list(range(len(finished)))
    run(on_segment=on_segment)
    assert told == [0, 1, 2, 3]  # those that were there are not told again
    told.clear()
    run(
        options=replace(BASE, seed=40),
        part=(Fraction("0.5"), Fraction("0.9")),
        on_segment=told.append,
    )
    assert told == [0, 1]


def test_a_piece_that_nobody_can_be_told_of_ends_the_run(run):
    def on_segment(number):
        raise OSError("gone")

    with pytest.raises(errors.EngineFault):
        run(on_segment=on_segment)


def test_a_run_that_is_stopped_leaves_whole_pieces_and_nothing_else(run, pair, tmp_path):
    with pytest.raises(errors.Canceled):
        run(stopped_at(48, tmp_path / "segments"))
    folder = tmp_path / "segments"
    pieces = Shelf(folder).finished(recipe_of(*pair, BASE, Tinted()))
    names = [f"{piece.number:05d}.{kind}" for piece in pieces for kind in ("json", "mp4")]
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_speakers_sound_that_lies_elsewhere_by_now_is_the_same_sound(tmp_path):
    def recipe(path, content):
        face = (Turn(0, 0.0, 1.0, path), Turn(1, 1.0))
        options = replace(BASE, face=face)
        return Recipe("a", "b", {path: content}, options, {}, "cpu")

    shelf = Shelf(tmp_path)
    put_on(shelf, 0, recipe("one/b.wav", "c"))
    shelf.close(put_on(shelf, 1, recipe("two/b.wav", "c")))
    assert len(shelf.finished(recipe("three/b.wav", "c"))) == 2
    assert shelf.finished(recipe("two/b.wav", "d")) == []
    assert earlier_on(shelf, recipe("three/b.wav", "c")).recipe.sounds == {"two/b.wav": "c"}


def test_a_run_that_was_stopped_within_parts_made_anew_left_no_whole_result(tmp_path):
    shelf = Shelf(tmp_path)
    recipe = Recipe("a", "b", {}, BASE, {}, "cpu")
    edit = Edit(Fraction(0), Fraction(2), BASE)

    def put(number, *edits):
        return put_on(shelf, number, recipe, edits=[each.to_mapping() for each in edits])

    put(0, edit)
    shelf.close(put(1, edit), [edit])
    assert len(earlier_on(shelf, recipe).edits) == 1
    put(0)
    with pytest.raises(errors.BadOption, match="several results"):
        earlier_on(shelf, recipe)


def test_a_part_is_made_anew_and_all_else_stays(run, tmp_path, written_at):
    run()
    before = dict(written_at)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "segments").glob("*.mp4")}
    written_at.clear()
    anew = Tinted()
    options = replace(BASE, seed=40)
    result = run(anew, options=options, part=(Fraction("0.5"), Fraction("0.9")))
    assert result.frames == 50
    # Frames 13 to 22 begin in the part; it reaches into the first two segments.
    assert len(written_at) == 32
    assert set(anew.places) == set(range(32)) - {20, 21}
    step = sorted(before)[1]
    for time, picture in written_at.items():
        inside = 13 <= time // step <= 22 and time // step not in (20, 21)
        assert np.array_equal(picture, before[time]) != inside
    after = {path.name: path.read_bytes() for path in (tmp_path / "segments").glob("*.mp4")}
    assert [name for name in sorted(kept) if kept[name] == after[name]] == [
        "00002.mp4",
        "00003.mp4",
    ]
    (part,) = result.report["options"]["parts"]
    assert (part["from"], part["to"], part["options"]["seed"]) == ("1/2", "9/10", 40)


def test_a_part_of_a_part_keeps_what_the_first_one_made(run, written_at):
    run()
    run(options=replace(BASE, seed=40), part=(Fraction("0.2"), Fraction("0.5")))
    first = dict(written_at)
    written_at.clear()
    run(options=replace(BASE, seed=80), part=(Fraction("0.4"), Fraction("0.6")))
    step = sorted(first)[1]
    changed = [
        time // step
        for time in sorted(written_at)
        if not np.array_equal(written_at[time], first[time])
    ]
    assert changed == [10, 11, 12, 13, 14]


def test_a_part_that_fails_leaves_the_earlier_result(run, tmp_path):
    whole = run()
    kept = {path: path.read_bytes() for path in (tmp_path / "segments").iterdir()}
    with pytest.raises(errors.Canceled):
        run(stopped_at(16), options=replace(BASE, seed=9), part=(Fraction(0), Fraction(1)))
    assert {path: path.read_bytes() for path in (tmp_path / "segments").iterdir()} == kept
    assert whole.path.exists()


def test_a_part_for_which_nobody_is_found_says_so(run):
    assert "turn_without_face" not in codes(run())
    result = run(options=replace(BASE, face=7), part=(Fraction("0.5"), Fraction("0.9")))
    assert "turn_without_face" in codes(result)
    assert result.passed_through == [(13, 22)]


def codes(result):
    return [warning["code"] for warning in result.report["warnings"]]


def test_a_part_that_lies_between_two_frames_is_refused(run, tmp_path):
    run()
    kept = {path: path.read_bytes() for path in (tmp_path / "segments").iterdir()}
    for part in ("0.41", "0.43"), ("1.97", "2.5"):  # the last frame begins at 1.96
        with pytest.raises(errors.BadOption, match="No frame"):
            run(options=replace(BASE, seed=9), part=tuple(map(Fraction, part)))
    assert {path: path.read_bytes() for path in (tmp_path / "segments").iterdir()} == kept


@pytest.mark.parametrize(
    ("part", "change", "why"),
    [
        ((1, 1), {}, "end later"),
        ((3, 4), {}, "after the end"),
        ((0, 1), {"options": replace(BASE, length="cut")}, r"with another length\."),
        ((0, 1), {"video": "0" * 64, "device": "cuda:0"}, r"with another video and device\."),
    ],
)
def test_a_part_that_fits_no_earlier_result_is_refused(whole, shelf, part, change, why):
    with pytest.raises(errors.BadOption, match=why):
        anew(shelf, replace(whole[1], **change), tuple(map(Fraction, part)))


def test_a_part_of_a_result_that_is_not_whole_is_refused(whole, shelf):
    shelf.file(2).unlink()
    with pytest.raises(errors.BadOption, match="no whole earlier result"):
        anew(shelf, whole[1], (Fraction(0), Fraction(1)))
