"""A scout that is stopped anywhere and goes on in another process decides what one would have."""

import json

import numpy as np
import pytest

from inference.faces import make_finder
from tests.inference.clips import faces
from tests.inference.people import At, picture, plan, room, scout

COUNT = 30
WALK = [
    {0: At(x=50 + 3 * step, size=44), 1: At(x=140 - 3 * step, y=70, size=42)}
    for step in range(COUNT)
]
MISSED, AWAY = {6, 7, 8, 25}, range(14, 22)
FOUND = [
    [] if number in MISSED or number in AWAY else [at.face() for at in who.values()]
    for number, who in enumerate(WALK)
]
PICTURES = {number: room(4) if number in AWAY else picture(who) for number, who in enumerate(WALK)}
FILM = {"found": FOUND, "pictures": PICTURES}


def answers(made, numbers=range(COUNT)):
    return [
        (
            made.reason(number),
            [
                (part.track, part.opacity, part.bridged, *part.matrix.flat)
                for part in made.at(number)
            ],
        )
        for number in numbers
    ]


@pytest.mark.parametrize("stops", [(7,), (15,), (20,), (24, 26), (3, 10, 29)])
def test_the_plan_is_the_same_after_any_stop(stops):
    states, begin = [], 0
    for stop in stops:
        stopped = scout(WALK, **FILM, states=states)
        for number in range(begin, stop):
            stopped.lookout.look(number, number / 25, PICTURES[number])
        state = stopped.state(states[-1] if states else None)
        states.append(json.loads(json.dumps(state)))
        begin = stop
    with scout(WALK, **FILM, states=states) as continued, scout(WALK, **FILM) as whole:
        continued.plan.wait_for_end()
        whole.plan.wait_for_end()
        assert answers(continued.plan) == answers(whole.plan)
        assert continued.faces_json() == whole.faces_json()
        assert continued.state() == whole.state()


def test_a_film_that_was_scouted_to_its_end_is_not_scouted_again():
    with scout(WALK, **FILM) as running:
        running.plan.wait_for_end()
        state = json.loads(json.dumps(running.state()))
    with scout(WALK, **FILM, states=[state]) as again:
        again.plan.wait_for_end()
        assert answers(again.plan) == answers(plan(WALK, **FILM))
        assert again.finder.asked == COUNT  # as restored: nothing was asked anew


def test_records_are_small():
    """33 bytes a frame and face, 13 a frame: an hour of two people at 25 a second takes 7 MB."""
    with scout([WALK[0]] * 200) as running:
        running.plan.wait_for_end()
        log = running.state()["log"]
    rows = [len(column) for tail in log["tracks"].values() for column in tail.values()]
    assert sum(rows) * 3 / 4 < 200 * 2 * 35
    assert sum(len(log[name]) for name in ("numbers", "times", "people")) * 3 / 4 < 200 * 15


def test_the_built_in_finder_goes_on_where_it_was():
    face = next(faces(1, 240, 180))
    frames = [np.roll(face, 3 * step, axis=1) for step in range(6)]
    whole = make_finder("builtin")
    expected = [whole.find_all(frame) for frame in frames]
    first, second = make_finder("builtin"), make_finder("builtin")
    for frame in frames[:3]:
        first.find_all(frame)
    second.restore(json.loads(json.dumps(first.state())))
    for frame, wanted in zip(frames[3:], expected[3:], strict=True):
        (found,) = second.find_all(frame)
        np.testing.assert_array_equal(found.points3, wanted[0].points3)


def half_hidden():
    shown = picture({0: At(x=48, size=44)})
    shown[:, :50] = (20, 120, 40)
    return shown


BACK = [{0: At(x=48, size=44)} if not 8 <= number < 14 else {} for number in range(COUNT)]
HIDDEN = {"pictures": dict.fromkeys(range(14, 24), half_hidden())}


@pytest.mark.parametrize(("script", "film"), [(WALK, FILM), (BACK, HIDDEN)])
def test_an_answer_that_is_given_is_never_taken_back(script, film):
    """However far the scout is, what it tells of a frame is what it will tell at the end: also of
    one who comes back half hidden, and is recognized ten frames later."""
    final = answers(plan(script, **film, choice=0))
    growing = scout(script, **film, choice=0)
    known = 0
    for number, who in enumerate(script):
        shown = film["pictures"].get(number)
        growing.lookout.look(number, number / 25, picture(who) if shown is None else shown)
        while growing.plan._is_known(known):
            assert answers(growing.plan, [known]) == [final[known]]
            known += 1
    assert known >= COUNT - 20
