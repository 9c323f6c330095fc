"""Faces that no mouth can be painted on: small, turned away, half outside, or none at all."""

import numpy as np
import pytest

from inference.errors import BadOption
from inference.faces.box_finder import BoxFinder
from inference.faces.face import Face, judge
from tests.inference.people import At, picture, plan, room, scout, states


@pytest.mark.parametrize("height", [16, 24, 32, 48, 64, 96])
def test_the_smallest_face_that_is_painted_is_40_by_50_pixels(height):
    at = At(x=90, y=70, size=height / 1.4)
    made = plan([{0: at}] * 3)
    painted = at.size >= 40 and height >= 50
    assert states(made, 3) == (["painted"] if painted else ["too_small"]) * 3


def test_a_head_that_turns_away_fades_and_comes_back():
    """16 frames a second, turned away for about one: the mouth's strength follows the turn."""
    turn = np.cos(np.linspace(0, np.pi, 33))
    script = [{0: At(front=max(0.02, abs(front)))} for front in turn]
    made = plan(script, rate=16)
    words = states(made, 33)
    gone = [number for number in range(33) if words[number] == "turned_away"]
    assert words == [
        "turned_away" if number in range(gone[0], gone[-1] + 1) else "painted"
        for number in range(33)
    ]
    strength = [made.at(number)[0].opacity if made.at(number) else 0.0 for number in range(33)]
    assert strength[0] == strength[-1] == 1.0 and strength[16] == 0.0
    assert strength[:17] == sorted(strength[:17], reverse=True)
    assert strength[16:] == sorted(strength[16:])
    assert len({round(value, 3) for value in strength[:17]} - {0.0, 1.0}) >= 3


def test_a_face_that_slides_out_of_the_picture_ends_with_half_of_it():
    script = [{0: At(x=160 + 5 * step)} for step in range(12)]
    words = states(plan(script), 12)
    assert words == ["painted"] * 7 + ["no_face"] * 5  # the middle is at 190 of 192 last


@pytest.mark.parametrize(
    "box",
    [(50, 50, 50, 90), (50, 50, 90, 50), (90, 90, 50, 50), (300, 20, 360, 80), (np.nan, 0, 50, 50)],
    ids=["no width", "no height", "inside out", "outside", "not a number"],
)
def test_a_box_that_is_none_is_no_face(box):
    points = At().points()
    found = [[Face(box, 0.9, points)]] * 3
    made = plan([{}] * 3, found=found)
    assert states(made, 3) == ["no_face"] * 3
    with scout([{}] * 3, found=found) as running:
        running.plan.wait_for_end()
        assert running.faces_json()["tracks"] == []


def test_points_that_coincide_are_no_face():
    found = [[Face(At().face().box, 0.9, np.full((3, 2), 60.0))]] * 3
    assert states(plan([{}] * 3, found=found), 3) == ["no_face"] * 3


def test_the_first_and_last_frame_may_lack_the_face():
    black = np.zeros((144, 192, 3), np.uint8)
    script = [{}] + [{0: At()}] * 10 + [{}]
    made = plan(script, pictures={0: black, 11: black})
    assert states(made, 12) == ["no_face"] + ["painted"] * 10 + ["no_face"]
    assert all(made.at(number)[0].opacity == 1.0 for number in range(1, 11))


def test_transition_shots_pass_through_and_the_person_goes_on_behind_them():
    """Three seconds, a scene of one second without people, and a shorter one: one person, the
    numbers of the frames stay what they are."""
    gaps = [*range(20, 45), *range(60, 70)]
    script = [{} if number in gaps else {0: At(x=60 + number % 30)} for number in range(90)]
    made = plan(script, pictures=dict.fromkeys(gaps, room(5)))
    expected = ["no_face" if number in gaps else "painted" for number in range(90)]
    assert states(made, 90) == expected
    for number in set(range(90)) - set(gaps):
        (part,) = made.at(number)
        # The matrix is the one of this very frame's face.
        nose = part.matrix[:, :2] @ script[number][0].points()[2] + part.matrix[:, 2]
        assert np.abs(nose - np.array([37.5, 40]) * 0.7).max() < 1.0


def test_a_passer_by_hides_the_speaker_and_what_is_painted_after_is_as_without_them():
    at = {0: At(x=110)}
    script = [at] * 30
    found = [[] if 8 <= number < 20 else [at[0].face()] for number in range(30)]
    hidden = picture(at)
    hidden[:, 70:150] = (30, 60, 120)
    made = plan(script, found=found, pictures=dict.fromkeys(range(8, 20), hidden))
    assert states(made, 30)[8:20] == ["no_face"] * 12
    whole = plan(script)
    np.testing.assert_allclose(made.at(20)[0].matrix, whole.at(20)[0].matrix, atol=1e-4)


def test_a_head_rolled_by_90_degrees_stays_aligned():
    script = [{0: At(x=96, y=72, degrees=6 * step)} for step in range(16)]
    made = plan(script)
    template = np.array([[17, 20], [58, 20], [37.5, 40]]) * 0.7
    for number, who in enumerate(script):
        (part,) = made.at(number)
        points = who[0].points() @ part.matrix[:, :2].T + part.matrix[:, 2]
        assert np.abs(points - template).max() < 3.0
    assert states(made, 16) == ["painted"] * 16


def test_no_face_says_what_was_looked_for_and_what_there_was():
    with scout([{0: At(size=30)}] * 25 + [{}] * 25) as running:
        running.plan.wait_for_end()
        error = running.no_face()
    assert error.code == "no_face" and error.refusal
    assert str(error) == (
        "Looked for a face, at least 40 x 50 pixels large and turned towards the camera, from"
        " 0:00.00 to 0:01.96: one face is seen from 0:00.00 to 0:00.96 (too small; at most 30 x 42"
        " pixels)."
    )
    with scout([{0: At(x=60, size=30), 1: At(x=140, size=30)}] * 3) as running:
        running.plan.wait_for_end()
        assert str(running.no_face()).endswith(
            "2 people are seen, person 0 from 0:00.00 to 0:00.08 (too small; at most 30 x 42"
            " pixels); person 1 from 0:00.00 to 0:00.08 (too small; at most 30 x 42 pixels)."
        )
    with scout([{}] * 25) as running:
        running.plan.wait_for_end()
        assert "from 0:00.00 to 0:00.96: no frame shows a face." in str(running.no_face())


def test_a_drawing_that_no_finder_sees_is_painted_in_the_box_that_is_given():
    with scout([{}] * 4, face_box=(60, 20, 60, 84)) as running:
        running.plan.wait_for_end()
        (part,) = running.plan.at(2)
    corners = np.array([[60, 20], [120, 20], [60, 104], [120, 104]])
    canvas = corners @ part.matrix[:, :2].T + part.matrix[:, 2]
    # The box's sides come near the sides of the 52 x 70 canvas, its chin above the lower edge.
    assert 0 < canvas[:, 0].min() < 12 and 40 < canvas[:, 0].max() < 52
    assert 50 < canvas[:, 1].max() < 68


@pytest.mark.parametrize("box", [(10, 10, 20, 80), (180, 10, 60, 80)], ids=["small", "outside"])
def test_a_box_without_a_face_in_the_picture_is_refused(box):
    with pytest.raises(BadOption, match="face_box"):
        BoxFinder(box).find_all(np.zeros((144, 192, 3), np.uint8))


def test_strength_falls_between_stated_breadths():
    def strength(breadth):
        points = np.array([[100, 100], [100 + 40 * breadth, 100], [100 + 20 * breadth, 140]])
        return judge(Face((80, 60, 200, 220), 1.0, points), 640, 480)

    assert strength(2.05) == ("", 1.0)
    assert strength(1.05) == ("", pytest.approx(0.5))
    assert strength(0.8) == ("turned_away", 0.0)
    assert strength(5.5) == ("", pytest.approx(0.5))


def test_warnings_name_small_large_and_several_faces():
    script = [{0: At(x=60, y=70, size=95), 1: At(x=160, size=30)}] * 3
    with scout(script) as running:
        running.plan.wait_for_end()
        assert running.notes(3) == [
            (
                "several_people",
                "2 people are seen; person 0 has a new mouth, and all others stayed as in the"
                " source.",
            ),
            (
                "large_face",
                "The face of person 0 is up to 95 pixels wide. The model draws it 50 pixels wide,"
                " so the mouth is enlarged 1.9 times and is softer than the rest.",
            ),
        ]
    with scout([{0: At(size=30)}] * 3) as running:
        running.plan.wait_for_end()
        assert ("small_face", SMALL) in running.notes(3)
    with scout([{0: At()}] * 3) as running:
        running.plan.wait_for_end()
        assert running.notes(3) == []


SMALL = "The face is smaller than 40 x 50 pixels in 3 frames, which stayed as in the source."
