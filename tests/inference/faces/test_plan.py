"""What of a film is painted, bridged, faded and left alone: decided once for each source frame."""

import numpy as np
import pytest

from inference.faces.face import Face
from inference.picture.align import Aligner
from tests.inference.people import At, picture, plan, room, scout, states

STILL = {0: At()}


def without(script, places):
    """What the finder says if it misses everybody at these places."""
    return [
        [] if place in places else [at.face() for at in who.values()]
        for place, who in enumerate(script)
    ]


def opacities(made, count):
    return [made.at(number)[0].opacity if made.at(number) else 0.0 for number in range(count)]


def test_a_face_in_every_frame_is_painted_in_every_frame_as_today():
    script = [{0: At(x=60 + 3 * number, degrees=number)} for number in range(20)]
    made = plan(script)
    aligner = Aligner(64)
    for number, who in enumerate(script):
        (part,) = made.at(number)
        assert (part.track, part.opacity, part.bridged) == (0, 1.0, False)
        np.testing.assert_array_equal(part.matrix, aligner.matrix(who[0].points()))


@pytest.mark.parametrize("gap", [1, 5])
def test_a_face_that_the_finder_misses_for_up_to_five_frames_is_bridged(gap):
    script = [{0: At(x=60 + 2 * number)} for number in range(20)]
    made = plan(script, found=without(script, range(8, 8 + gap)))
    expected = ["painted"] * 8 + ["bridged"] * gap + ["painted"] * (12 - gap)
    assert states(made, 20) == expected
    assert opacities(made, 20) == [1.0] * 20
    # The face moved evenly, so the interpolated matrices are the ones it would have had.
    whole = plan(script)
    for number in range(20):
        np.testing.assert_allclose(made.at(number)[0].matrix, whole.at(number)[0].matrix, atol=1e-4)


def test_a_longer_gap_passes_through_and_the_mouth_fades_at_its_edges():
    script = [STILL] * 24
    made = plan(script, found=without(script, range(9, 15)))
    assert states(made, 24) == ["painted"] * 9 + ["no_face"] * 6 + ["painted"] * 9
    fade = [0.75, 0.5, 0.25]
    assert opacities(made, 24) == [1.0] * 6 + fade + [0.0] * 6 + fade[::-1] + [1.0] * 6


@pytest.mark.parametrize("shown", ["another room", "black", "a passer-by", "a pattern"])
def test_a_short_gap_is_not_painted_on_what_is_no_face(shown):
    """Transition shots, black frames, a passer-by: they stay as they are, without fades."""
    covered = picture(STILL)
    covered[:, 60:140] = (20, 40, 90)
    pattern = picture({5: At(size=52)})
    pictures = {"another room": room(7), "black": np.zeros_like(covered), "a pattern": pattern}
    other = pictures.get(shown, covered)
    script = [STILL] * 16
    gap = range(6, 9)
    made = plan(script, found=without(script, gap), pictures=dict.fromkeys(gap, other))
    assert states(made, 16) == ["painted"] * 6 + ["no_face"] * 3 + ["painted"] * 7
    assert opacities(made, 16) == [1.0] * 6 + [0.0] * 3 + [1.0] * 7


def test_frames_blurred_to_nothing_pass_through_and_say_so():
    import cv2

    script = [STILL] * 31
    blurred = cv2.blur(picture(STILL), (31, 31))
    tenth = range(5, 31, 10)
    made = plan(script, found=without(script, tenth), pictures=dict.fromkeys(tenth, blurred))
    assert [place for place, word in enumerate(states(made, 31)) if word == "blurred"] == [
        5,
        15,
        25,
    ]
    assert states(made, 31).count("painted") == 28


@pytest.mark.parametrize(
    "off",
    [At(x=130), At(size=80), At(degrees=40)],
    ids=["moved", "grown", "turned"],
)
def test_points_that_jump_away_and_back_are_rejected(off):
    script = [STILL] * 12
    found = without(script, ())
    found[5] = [Face(STILL[0].face().box, 0.9, off.points())]
    made = plan(script, found=found)
    assert states(made, 12) == ["painted"] * 5 + ["bridged"] + ["painted"] * 6
    quiet = plan(script)
    for number in range(12):
        np.testing.assert_allclose(made.at(number)[0].matrix, quiet.at(number)[0].matrix, atol=1e-4)


def test_fast_motion_and_its_sudden_end_are_no_jump():
    """40 pixels a frame, then stop: the mouth is where the face is, in every frame."""
    places = [*range(30, 151, 40), *[150] * 8]
    script = [{0: At(x=x, size=50)} for x in places]
    made = plan(script)
    assert states(made, len(script)) == ["painted"] * len(script)
    for number, who in enumerate(script):
        matrix = made.at(number)[0].matrix
        nose = matrix[:, :2] @ who[0].points()[2] + matrix[:, 2]
        template = np.array([37.5, 40]) * 2.8 / 4
        assert np.abs(nose - template).max() < 1.0


def test_the_plan_answers_while_the_film_is_still_being_scouted_and_in_any_order():
    script = [STILL] * 30
    with scout(script) as running:
        assert running.plan.at(20)[0].track == 0
        assert running.plan.at(3)[0].track == 0
        running.plan.wait_for_end()
        assert running.plan.at(30) == []
