"""Who is who over time, and whose mouth is painted."""

import base64
import json

import cv2
import numpy as np
import pytest

from inference.faces.appearance import Small, describe
from inference.faces.tracker import LIKE_ANYWHERE, LIKE_NEXT, Tracker
from inference.speakers import Point, Turn
from tests.inference.people import At, picture, plan, room, scout, states

LEFT, RIGHT = At(x=48, size=44), At(x=144, size=44)


def tracks_of(script, **keywords):
    """For each person of the script the tracks that they were, over all frames."""
    tracker, seen = Tracker(), {}
    for number, who in enumerate(script):
        shown = keywords.get("pictures", {}).get(number)
        small = Small.of(picture(who) if shown is None else shown)
        owners = tracker.update(small, [at.face() for at in who.values()])
        for person, owner in zip(who, owners, strict=True):
            seen.setdefault(person, set()).add(owner)
        _rename(seen, tracker.decided)
    _rename(seen, tracker.finish())
    return seen


def _rename(seen, decided):
    for owned in seen.values():
        owned |= {decided[old] for old in owned & set(decided)}
        owned -= set(decided)


def between(start, end, share):
    return At(
        x=start.x + (end.x - start.x) * share,
        y=start.y + (end.y - start.y) * share,
        size=start.size,
    )


def test_two_people_who_cross_keep_their_tracks():
    script = []
    for step in range(31):
        one, other = between(LEFT, RIGHT, step / 30), between(RIGHT, LEFT, step / 30)
        # The second walks behind the first: not seen while they overlap.
        hidden = abs(one.x - other.x) < 40
        script.append({0: one} if hidden else {0: one, 1: other})
    assert tracks_of(script) == {0: {0}, 1: {1}}


def test_two_people_who_cross_in_view_of_the_finder_keep_their_tracks():
    upper, lower = At(x=48, y=45, size=40), At(x=144, y=75, size=40)
    script = []
    for step in range(25):
        one = between(upper, At(x=144, y=45, size=40), step / 24)
        other = between(lower, At(x=48, y=75, size=40), step / 24)
        script.append({0: one, 1: other})
    assert tracks_of(script) == {0: {0}, 1: {1}}


def test_two_people_whose_ways_meet_in_one_place_keep_their_tracks():
    """One row, both found all the time; where they meet, one picture covers the other, and who is
    who can't be told: before and after it can."""
    script = [
        {0: between(LEFT, RIGHT, step / 24), 1: between(RIGHT, LEFT, step / 24)}
        for step in range(25)
    ]
    apart = [number for number, who in enumerate(script) if abs(who[0].x - who[1].x) > 30]
    made = [plan(script, choice=track) for track in (0, 1)]
    for number in apart:
        for person in (0, 1):
            matrix = made[person].at(number)[0].matrix
            nose = matrix[:, :2] @ script[number][person].points()[2] + matrix[:, 2]
            assert abs(nose[0] - 37.5 * 0.7) < 1.5


def test_two_people_who_stop_before_each_other_and_turn_back_keep_their_tracks():
    """Where they would be by now is each other's place: looks decide."""
    way = [*np.linspace(0, 0.44, 10), *np.linspace(0.44, 0, 10)]
    script = [{0: between(LEFT, RIGHT, s), 1: between(RIGHT, LEFT, s)} for s in way]
    assert tracks_of(script) == {0: {0}, 1: {1}}


def test_a_cut_between_two_who_look_somewhat_alike_makes_two():
    """Alike enough for the next frame of one shot, but the whole picture is another."""
    script = [{4: LEFT}] * 8 + [{5: LEFT}] * 16
    pictures = {number: picture(script[number], room(3)) for number in range(8, 24)}
    one, other = (
        describe(Small.of(shown), LEFT.points()) for shown in (picture(script[0]), pictures[8])
    )
    assert LIKE_NEXT < float(one @ other) < LIKE_ANYWHERE
    assert tracks_of(script, pictures=pictures) == {4: {0}, 5: {1}}


@pytest.mark.parametrize("gap", [3, 15, 60])
def test_a_person_who_comes_back_elsewhere_is_the_same(gap):
    script = [{0: LEFT, 1: RIGHT}] * 8 + [{1: RIGHT}] * gap + [{0: At(y=50, size=40), 1: RIGHT}] * 8
    assert tracks_of(script) == {0: {0}, 1: {1}}


def test_the_chosen_one_is_hidden_while_another_moves_to_their_place():
    """Hidden for 15 frames: nobody takes their place, and back elsewhere they are known again."""
    script = [{0: LEFT, 1: RIGHT}] * 10
    script += [{1: between(RIGHT, LEFT, step / 14)} for step in range(15)]
    script += [{1: LEFT, 0: RIGHT}] * 10
    made = plan(script, choice=0)
    assert states(made, 35) == ["painted"] * 10 + ["other_person"] * 15 + ["painted"] * 10


def test_somebody_else_at_the_same_place_after_a_gap_is_somebody_else():
    script = [{0: LEFT}] * 10 + [{}] * 8 + [{1: LEFT}] * 10
    assert tracks_of(script) == {0: {0}, 1: {1}}
    script = [{0: LEFT}] * 10 + [{}] * 3 + [{1: LEFT}] * 10
    assert tracks_of(script) == {0: {0}, 1: {1}}


def test_after_a_cut_people_are_known_by_their_looks_alone():
    """Another shot from one frame to the next: the other one sits where the first sat."""
    script = [{0: LEFT}] * 8 + [{1: LEFT}] * 8 + [{0: RIGHT}] * 8
    pictures = {
        number: picture(script[number], room(3 if 8 <= number < 16 else 0)) for number in range(24)
    }
    assert tracks_of(script, pictures=pictures) == {0: {0}, 1: {1}}


def test_the_most_prominent_person_is_painted_and_nobody_else():
    script = [{0: At(x=48, size=42), 1: At(x=140, size=52)}] * 12
    made = plan(script)
    assert all([part.track for part in made.at(number)] == [0] for number in range(12))
    with scout(script) as running:
        running.plan.wait_for_end()
        tracks = running.faces_json()["tracks"]
    assert [track["index"] for track in tracks] == [0, 1]
    assert [bool(track["chosen_for"]) for track in tracks] == [True, False]
    # Tracks count from the largest of the first frame on.
    assert tracks[0]["box"][2] - tracks[0]["box"][0] > tracks[1]["box"][2] - tracks[1]["box"][0]


def test_prominence_is_area_times_time_over_ten_seconds_and_then_stays():
    """Larger for three seconds against smaller for ten: the smaller one has more. Later the
    larger one alone doesn't change it."""
    near, far = At(x=140, size=52), At(x=48, size=42)
    script = [{0: near, 1: far}] * 6 + [{1: far}] * 14 + [{0: near}] * 20
    made = plan(script, rate=2)
    assert made.at(0)[0].track == made.at(19)[0].track == 1
    assert states(made, 40)[20:] == ["other_person"] * 20


def test_a_face_is_chosen_by_index_or_by_point_and_time():
    script = [{0: LEFT, 1: RIGHT}] * 10 + [{1: LEFT, 0: RIGHT}] * 10
    assert plan(script, choice=1).at(5)[0].track == 1
    by_point = plan(script, choice=Point(144, 60, 0.2))
    assert by_point.at(0)[0].track == by_point.at(15)[0].track == 1
    # At 0.5 s the other one sits there; at 0.39 s the frame before is still shown.
    assert plan(script, choice=Point(144, 60, 0.4)).at(0)[0].track == 0
    assert plan(script, choice=Point(144, 60, 0.39)).at(0)[0].track == 1


def test_a_point_where_nobody_is_names_who_was_looked_for():
    script = [{0: LEFT}] * 6
    with scout(script, choice=Point(170, 120, 0.1)) as running:
        running.plan.wait_for_end()
        assert running.plan.at(2) == []
        error = running.no_face()
    assert error.code == "no_face"
    assert "the person at 170,120 at 0:00.10" in str(error)
    assert "one face is seen from 0:00.00 to 0:00.20" in str(error)


def test_people_speak_in_turn_each_with_their_own_sound():
    script = [{0: LEFT, 1: RIGHT}] * 24
    turns = (Turn(0, 0.0, 0.48), Turn(Point(144, 60, 0.6), 0.48, None, "second.wav"))
    made = plan(script, choice=turns)
    speakers = [[part.track for part in made.at(number)] for number in range(24)]
    assert speakers == [[0]] * 12 + [[1]] * 12
    sounds = [made.at(number)[0].sound for number in range(24)]
    assert sounds == [None] * 12 + ["second.wav"] * 12
    # Where one stops within the film, their mouth fades, and so comes the other's.
    strength = [made.at(number)[0].opacity for number in range(24)]
    assert strength[8:16] == [1.0, 0.75, 0.5, 0.25, 0.25, 0.5, 0.75, 1.0]
    assert strength[:8] + strength[16:] == [1.0] * 16


def test_two_may_speak_at_once_and_outside_of_all_turns_nobody_does():
    script = [{0: LEFT, 1: RIGHT}] * 20
    made = plan(script, choice=(Turn(0, 0.0, 0.4), Turn(1, 0.2, 0.6)))
    speakers = [[part.track for part in made.at(number)] for number in range(20)]
    assert speakers == [[0]] * 5 + [[0, 1]] * 5 + [[1]] * 5 + [[]] * 5
    assert states(made, 20)[15:] == ["other_person"] * 5


def test_one_person_in_two_turns_without_a_break_does_not_fade_between_them():
    script = [{0: LEFT, 1: RIGHT}] * 20
    made = plan(script, choice=(Turn(0, 0.0, 0.4), Turn(0, 0.4, None, "b.wav")))
    assert [made.at(number)[0].opacity for number in range(20)] == [1.0] * 20


def test_three_people_are_listed_with_box_time_and_thumbnail():
    script = [{0: At(x=32, size=48), 1: At(x=92, size=46)}] * 6
    script += [{0: At(x=32, size=48), 1: At(x=92, size=46), 2: At(x=155, size=42)}] * 6
    with scout(script) as running:
        running.plan.wait_for_end()
        album = json.loads(json.dumps(running.faces_json()))
    assert [(track["from"], track["to"], track["frames"]) for track in album["tracks"]] == [
        (0.0, 0.44, 12),
        (0.0, 0.44, 12),
        (0.24, 0.44, 6),
    ]
    for track, at in zip(album["tracks"], script[-1].values(), strict=True):
        np.testing.assert_allclose(track["box"], at.face().box, atol=0.1)
        data = np.frombuffer(base64.b64decode(track["thumbnail_jpeg"]), np.uint8)
        assert min(cv2.imdecode(data, cv2.IMREAD_COLOR).shape[:2]) > 30


def half_hidden(who):
    shown = picture(who)
    shown[:, :50] = (20, 120, 40)
    return shown


def test_who_comes_back_half_hidden_is_recognized_a_little_later_from_the_first_frame_on():
    script = [{0: LEFT}] * 10 + [{}] * 8 + [{0: LEFT}] * 12
    pictures = {number: half_hidden({0: LEFT}) for number in range(18, 21)}
    made = plan(script, pictures=pictures)
    assert states(made, 30) == ["painted"] * 10 + ["no_face"] * 8 + ["painted"] * 12
    with scout(script, pictures=pictures) as running:
        running.plan.wait_for_end()
        (track,) = running.faces_json()["tracks"]
    assert (track["from"], track["to"], track["frames"]) == (0.0, 1.16, 22)


def test_somebody_new_while_another_is_away_is_painted_from_their_first_frame_on():
    script = [{0: LEFT}] * 6 + [{}] * 8 + [{1: RIGHT}] * 20
    made = plan(script, choice=1)
    assert states(made, 34) == ["other_person"] * 6 + ["no_face"] * 8 + ["painted"] * 20
    short = plan(script[:16], choice=1)  # the film ends before it is decided
    assert states(short, 16)[14:] == ["painted"] * 2


@pytest.mark.parametrize(
    "turns",
    [
        (Turn(0, 0.0, 0.48), Turn(0, 0.2, None)),
        (Turn(0, 0.2, None), Turn(0, 0.0, 0.48)),
        (Turn(0, 0.0, 0.399), Turn(0, 0.3995, None)),  # no frame begins between
        (Turn(0, 0.0, 0.2), Turn(0, 0.0, None), Turn(0, 0.48, 0.6)),
    ],
)
def test_one_person_in_turns_that_overlap_does_not_fade_within_them(turns):
    script = [{0: LEFT, 1: RIGHT}] * 20
    made = plan(script, choice=turns)
    assert [made.at(number)[0].opacity for number in range(20)] == [1.0] * 20


def test_a_turn_that_goes_on_with_somebody_to_be_seen_later_waits_for_that():
    """Who speaks from 0.4 s on is only told at 0.8 s; it is who spoke before, so nothing fades."""
    script = [{0: LEFT, 1: RIGHT}] * 24
    turns = (Turn(0, 0.0, 0.4), Turn(Point(48, 60, 0.8), 0.4))
    growing = scout(script, choice=turns)
    for number, who in enumerate(script[:18]):
        growing.lookout.look(number, number / 25, picture(who))
    assert [growing.plan._is_known(number) for number in (5, 6, 7, 9)] == [True, True, False, False]
    made = plan(script, choice=turns)
    assert [made.at(number)[0].opacity for number in range(24)] == [1.0] * 24


def test_a_turn_in_which_nobody_can_be_painted_is_told():
    script = [{0: LEFT, 1: RIGHT}] * 10 + [{0: LEFT}] * 10
    turns = Turn(0, 0.0, 0.4), Turn(1, 0.4, 0.8), Turn(7, 0.2), Turn(0, 5.0, 6.0), Turn(1, 0.2, 0.6)
    with scout(script, choice=turns) as running:
        running.plan.wait_for_end()
        told = [words for code, words in running.notes(20) if code == "turn_without_face"]
        # As far as the film is shown: the last turn's person is gone from the 11th frame on.
        fewer = [words for code, words in running.notes(5) if code == "turn_without_face"]
    assert [words.removeprefix("Looked for ") for words in told] == [
        "person 1 between 0:00.40 and 0:00.80, and found no face that can be painted.",
        "person 7 between 0:00.20 and the end, and found no face that can be painted.",
        "person 0 between 0:05.00 and 0:06.00, and found no face that can be painted.",
    ]
    assert len(fewer) == 4
    with scout(script, choice=turns[:1]) as running:
        running.plan.wait_for_end()
        assert running.notes(20)[1:] == []
