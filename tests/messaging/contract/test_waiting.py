"""Long polls, and a receive that is repeated."""


def test_a_long_poll_gets_a_message_that_is_sent_meanwhile(fifo):
    poll = fifo.poll(seconds=10)
    fifo.send("new")
    assert poll.came() == ["new"]


def test_a_long_poll_gets_a_message_whose_hold_ends_meanwhile(world, fifo):
    fifo.send("one")
    fifo.receive(VisibilityTimeout=10)
    poll = fifo.poll(seconds=20)
    world.pass_time(11)
    assert poll.came() == ["one"]


def test_a_long_poll_gets_a_message_whose_group_was_freed(fifo, promised):
    fifo.send("a1")
    fifo.send("a2")
    (first,) = fifo.receive(VisibilityTimeout=60)
    poll = fifo.poll(seconds=3)
    fifo.delete(first)
    promised(poll.came(), ["a2"])


def test_a_receive_repeated_with_its_attempts_id_gets_the_same_again(fifo, promised):
    fifo.send("one")
    (first,) = fifo.receive(ReceiveRequestAttemptId="an-attempt", VisibilityTimeout=60)
    again = fifo.receive(ReceiveRequestAttemptId="an-attempt", VisibilityTimeout=60)
    promised([one["ReceiptHandle"] for one in again], [first["ReceiptHandle"]])


def test_an_attempt_is_not_repeated_once_its_message_was_extended(fifo):
    fifo.send("one")
    (first,) = fifo.receive(ReceiveRequestAttemptId="an-attempt", VisibilityTimeout=60)
    fifo.hide(first, 90)
    assert fifo.bodies(ReceiveRequestAttemptId="an-attempt") == []


def test_an_attempts_id_of_another_receive_gets_nothing(fifo):
    fifo.send("one")
    fifo.receive(ReceiveRequestAttemptId="an-attempt", VisibilityTimeout=60)
    assert fifo.bodies(ReceiveRequestAttemptId="another") == []
