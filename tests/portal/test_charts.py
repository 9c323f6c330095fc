"""The bars of the usage page."""

import pytest

from portal.pages import charts


@pytest.mark.parametrize(("value", "top"), [(0, 1), (0.3, 0.5), (1, 1), (139, 200), (5001, 10000)])
def test_a_scale_ends_at_one_two_or_five_times_a_power_of_ten(value, top):
    assert charts.round_up(value) == pytest.approx(top)


def test_a_bar_is_as_high_as_its_share_of_the_scale():
    chart = charts.bars([("1", "1", 50), ("2", "", 100)], "s")
    low, high = chart.bars
    assert high.height == pytest.approx(2 * low.height)
    assert high.y + high.height == pytest.approx(charts.FLOOR)
    assert high.height == charts.FLOOR - charts.TOP


def test_a_month_without_delivery_has_bars_without_height():
    assert {bar.height for bar in charts.bars([("1", "1", 0)] * 30, "s").bars} == {0}


def test_no_bar_leaves_the_picture():
    chart = charts.bars([(str(day), "", day) for day in range(31)], "s")
    assert chart.bars[-1].x + chart.bars[-1].width <= charts.WIDTH
