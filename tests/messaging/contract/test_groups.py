"""Groups: one message in flight, and the rest of its group waits."""


def test_a_message_in_flight_blocks_its_group_and_no_other(fifo):
    fifo.send("a1", group="a")
    fifo.send("a2", group="a")
    fifo.send("b1", group="b")
    assert fifo.bodies() == ["a1"]
    assert fifo.bodies() == ["b1"]
    assert fifo.bodies() == []


def test_a_deleted_message_frees_its_group(fifo):
    fifo.send("a1")
    fifo.send("a2")
    fifo.delete(fifo.receive()[0])
    assert fifo.bodies() == ["a2"]


def test_several_of_one_group_come_in_their_order(fifo):
    for number in range(4):
        fifo.send(f"a{number}")
    assert fifo.bodies(3) == ["a0", "a1", "a2"]
    assert fifo.bodies(3) == []


def test_a_message_put_back_keeps_its_place(fifo):
    fifo.send("a1")
    fifo.send("a2")
    fifo.hide(fifo.receive()[0], 0)
    assert fifo.bodies(2) == ["a1", "a2"]
