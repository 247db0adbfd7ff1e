"""The channel wakes its reader once per update, and says when it is full or left."""

from backend.channel import Channel


def make(limit: int = 8, update_s: float = 1000.0) -> tuple[Channel[int], list[str]]:
    channel: Channel[int] = Channel(limit=limit, update_s=update_s)
    events: list[str] = []
    channel.listen(lambda: events.append("wake"))
    channel.on_change = lambda: events.append("change")
    return channel, events


def test_first_item_wakes_at_once_and_the_next_do_not() -> None:
    channel, events = make()
    channel.put([1])
    channel.put([2])
    assert events == ["wake"]
    assert channel.take() == [1, 2]


def test_half_full_wakes() -> None:
    channel, events = make(limit=8)
    channel.put([1])
    channel.put([2, 3])
    assert events == ["wake"]
    channel.put([4])
    assert events == ["wake", "wake"]


def test_full_until_taken_then_tells_the_writer() -> None:
    channel, events = make(limit=2)
    channel.put([1, 2])
    assert channel.full
    assert channel.take() == [1, 2]
    assert not channel.full
    assert events[-1] == "change"


def test_end_wakes_and_keeps_the_first_error() -> None:
    channel, events = make()
    error = ValueError("x")
    channel.finish(error)
    channel.finish()
    assert events == ["wake"]
    assert channel.finished
    assert channel.error is error


def test_close_tells_once() -> None:
    channel, events = make()
    channel.close()
    channel.close()
    assert events == ["change"]
    assert channel.closed


def test_wait_returns_what_is_there() -> None:
    channel: Channel[int] = Channel(limit=2, update_s=0.0)
    channel.put([1])
    assert channel.wait(5.0) == [1]
    assert channel.wait(0.0) == []
