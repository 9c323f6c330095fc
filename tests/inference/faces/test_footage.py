"""The built-in finder and the plan on drawn films of the kinds that people report as failing."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.demo.faces import Mouth, Pose, invent
from inference.demo.painting import draw
from inference.faces import make_finder
from inference.faces.scout import Scout
from inference.picture.align import Aligner

WIDTH, HEIGHT = 256, 192


def drawn(number, person=1, x=128.0, size=0.5):
    """One frame of somebody who talks and moves a little; x: the middle of the face."""
    pose = Pose(yaw=4 * np.sin(number / 5))
    mouth = Mouth(0.5 + 0.5 * np.sin(number), 0.5)
    across, down = 0.86 * size, 1.15 * size
    placement = np.array([[across, 0, x - 128 * across], [0, down, 100 - 140 * down]])
    return draw(invent(1_000_100 + person), pose, mouth, size=(WIDTH, HEIGHT), placement=placement)


@pytest.fixture(scope="module")
def talking():
    return [drawn(number) for number in range(30)]


def scouted(frames, **keywords):
    footage = [(number, number / 25, frame) for number, frame in enumerate(frames)]
    choice = keywords.pop("choice", None)
    finder = make_finder("builtin")
    with Scout(Path(), finder, choice, Aligner(128), footage=footage, **keywords) as running:
        running.plan.wait_for_end()
        return running


def words(running, count):
    plan = running.plan
    return [plan.reason(number) or f"track {plan.at(number)[0].track}" for number in range(count)]


def test_somebody_walks_by_and_hides_the_face(talking):
    frames = [frame.copy() for frame in talking]
    for number, frame in enumerate(frames):
        left = number * 14 - 60
        cv2.rectangle(frame, (left, 0), (left + 60, HEIGHT), (30, 120, 40), -1)
    running = scouted(frames)
    said = words(running, 30)
    hidden = [number for number in range(30) if said[number] == "no_face"]
    assert 1 <= len(hidden) <= 12
    assert set(said) == {"track 0", "no_face"}
    # What is made after it comes from the same crop as in a film without anybody walking by.
    whole = scouted(talking)
    np.testing.assert_allclose(running.plan.at(29)[0].matrix, whole.plan.at(29)[0].matrix, atol=1.5)


def test_every_tenth_frame_blurred_to_nothing(talking):
    frames = list(talking)
    for number in (5, 15, 25):
        frames[number] = cv2.blur(frames[number], (61, 61))
    said = words(scouted(frames), 30)
    assert [number for number in range(30) if said[number] != "track 0"] == [5, 15, 25]


def test_a_dark_transition_and_black_frames_at_both_ends(talking):
    frames = [
        np.zeros_like(frame) if number in {0, *range(10, 22), 29} else frame
        for number, frame in enumerate(talking)
    ]
    said = words(scouted(frames), 30)
    assert [number for number in range(30) if said[number] == "no_face"] == [0, *range(10, 22), 29]
    assert set(said) == {"no_face", "track 0"}


def test_a_head_that_rolls_by_90_degrees_is_followed_and_aligned(talking):
    middle = (128, 100)
    tall = [cv2.copyMakeBorder(f, 32, 32, 0, 0, cv2.BORDER_REPLICATE) for f in talking]
    turns = [cv2.getRotationMatrix2D((middle[0], middle[1] + 32), 3.1 * n, 1) for n in range(30)]
    frames = [
        cv2.warpAffine(f, turn, (256, 256), borderMode=cv2.BORDER_REPLICATE)
        for f, turn in zip(tall, turns, strict=True)
    ]
    running = scouted(frames)
    assert words(running, 30) == ["track 0"] * 30
    upright = scouted([tall[0]]).plan.at(0)[0].matrix
    mouth = upright[:, :2] @ np.array([128, 145]) + upright[:, 2]
    for number in range(0, 30, 5):
        matrix = running.plan.at(number)[0].matrix
        place = turns[number] @ np.array([128, 145, 1])
        assert np.linalg.norm(matrix[:, :2] @ place + matrix[:, 2] - mouth) < 9


def test_a_face_that_narrows_to_nothing_and_comes_back(talking):
    frames = []
    for number, frame in enumerate(talking):
        turn = abs(np.cos(np.pi * np.clip(number - 3, 0, 24) / 24))
        width = max(2, round(140 * turn))
        narrow = cv2.resize(frame[:, 58:198], (width, HEIGHT), interpolation=cv2.INTER_AREA)
        wide = np.full_like(frame, 120)
        wide[:, 128 - width // 2 : 128 - width // 2 + width] = narrow
        frames.append(wide)
    running = scouted(frames)
    said = words(running, 30)
    assert said[:8] + said[-4:] == ["track 0"] * 12
    assert {"no_face", "turned_away"} & set(said[12:18])
    assert set(said) <= {"track 0", "no_face", "turned_away"}


def test_a_face_that_slides_out_of_the_picture():
    frames = [drawn(number, x=128 + 10 * number) for number in range(24)]
    said = words(scouted(frames), 24)
    last = max(number for number in range(24) if said[number] == "track 0")
    assert said == ["track 0"] * (last + 1) + ["no_face"] * (23 - last)
    assert 128 + 10 * last < WIDTH + 20


def test_a_face_that_moves_fast_and_stops_is_followed_to_the_pixel():
    places = [*range(60, 181, 30), *[180] * 5]
    frames = [drawn(0, x=x, size=0.4) for x in places]
    running = scouted(frames)
    assert words(running, len(frames)) == ["track 0"] * len(frames)
    matrices = [running.plan.at(number)[0].matrix for number in range(len(frames))]
    first = matrices[0][:, :2] @ np.array([places[0], 100]) + matrices[0][:, 2]
    for x, matrix in zip(places, matrices, strict=True):
        assert np.abs(matrix[:, :2] @ np.array([x, 100]) + matrix[:, 2] - first).max() < 8


def test_two_people_side_by_side_of_whom_one_was_chosen():
    """The other half of the picture gets no part in any frame."""
    frames = [np.hstack([drawn(n, 1)[:, 40:216], drawn(n, 6)[:, 40:216]]) for n in range(8)]
    running = scouted(frames, choice=1)
    tracks = running.faces_json()["tracks"]
    assert len(tracks) == 2
    chosen = [running.plan.at(number) for number in range(8)]
    assert [[part.track for part in parts] for parts in chosen] == [[1]] * 8
    left, _, right, _ = tracks[1]["box"]
    for (part,) in chosen:
        back = np.linalg.inv(np.vstack([part.matrix, [0, 0, 1]]))
        x = back[0] @ np.array([52, 75, 1])
        assert left < x < right


def test_a_chosen_face_is_hidden_while_another_takes_its_place():
    """15 frames hidden: the mouth does not jump to the other, and comes back with its person."""
    frames = []
    for number in range(34):
        there = 0 if number < 8 else min(1.0, (number - 8) / 12)
        other = drawn(number, 6, x=180 - 116 * there, size=0.38)
        mine = drawn(number, 1, x=64 if number < 8 else 190, size=0.38)
        frame = other.copy()
        if number < 8 or number >= 23:
            edge = slice(0, 118) if number < 8 else slice(134, WIDTH)
            frame[:, edge] = mine[:, edge]
        frames.append(frame)
    running = scouted(frames, choice=0)
    mine = "track 0"
    said = words(running, 34)
    first = running.faces_json()["tracks"][0]["box"]
    assert said[8:23] == ["other_person"] * 15
    assert said[:8] == [mine] * 8 and said[-6:] == [mine] * 6
    assert first[0] < 128


@pytest.mark.parametrize("cut", [3, 8, 12])
def test_after_a_cut_the_chosen_one_is_found_at_once_beside_another(cut):
    """The other one sits where the chosen one sat, so nobody is lost, and is the larger."""
    before = [drawn(number, 1, x=64, size=0.38) for number in range(cut)]
    after = [drawn(number, 6, x=64, size=0.4) for number in range(cut, cut + 12)]
    for number, frame in enumerate(after, start=cut):
        frame[:, WIDTH // 2 :] = drawn(number, 1, x=190, size=0.38)[:, WIDTH // 2 :]
    running = scouted([*before, *after], choice=0)
    assert words(running, cut + 12) == ["track 0"] * (cut + 12)
    sides = [
        np.linalg.inv(part.matrix[:, :2]) @ (np.array([52, 75]) - part.matrix[:, 2])
        for number in range(cut + 12)
        for part in running.plan.at(number)
    ]
    assert [side[0] > WIDTH // 2 for side in sides] == [False] * cut + [True] * 12


def test_a_cut_to_a_closer_picture_shows_the_same_person(talking):
    left, top, width, height = WIDTH // 6, 16, WIDTH * 2 // 3, HEIGHT * 2 // 3
    closer = [
        cv2.resize(frame[top : top + height, left : left + width], (WIDTH, HEIGHT))
        for frame in talking[15:]
    ]
    assert words(scouted([*talking[:15], *closer]), 30) == ["track 0"] * 30


@pytest.mark.parametrize("height", [40, 90])
def test_a_small_face_passes_through_and_a_large_enough_one_is_painted(talking, height):
    frame = talking[0]
    scale = height / 115  # the face's height in it
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((360, 640, 3), 90, np.uint8)
    canvas[100 : 100 + len(small), 200 : 200 + small.shape[1]] = small
    running = scouted([canvas] * 3)
    painted = "track 0" in words(running, 3)
    assert painted == (height == 90)
    if not painted:
        assert "at least 40 x 50 pixels" in str(running.no_face())


def test_a_drawing_that_is_no_face_to_the_finder_can_be_given_as_a_box():
    """The finder does see an ellipse with two dots and a line; this one has a single eye."""
    drawing = np.full((HEIGHT, WIDTH, 3), 250, np.uint8)
    cv2.rectangle(drawing, (78, 30), (178, 162), (0, 0, 0), 2)
    cv2.circle(drawing, (128, 70), 14, (200, 30, 30), -1)
    running = scouted([drawing] * 3)
    assert words(running, 3) == ["no_face"] * 3
    assert "no frame shows a face" in str(running.no_face())
    assert words(scouted([drawing] * 3, face_box=(78, 30, 100, 132)), 3) == ["track 0"] * 3
