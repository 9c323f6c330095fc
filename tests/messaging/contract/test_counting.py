"""What is counted, and what a purge takes."""


def test_counts_tell_waiting_held_and_delayed(standard):
    for body in ("one", "two"):
        standard.send(body)
    standard.send("later", DelaySeconds=600)
    standard.receive(VisibilityTimeout=600)
    assert standard.counts() == (1, 1, 1)


def test_a_purge_takes_what_is_held_too(fifo):
    fifo.send("held")
    fifo.send("waiting", group="b")
    fifo.receive(VisibilityTimeout=600)
    fifo.purge()
    assert fifo.counts() == (0, 0, 0)
