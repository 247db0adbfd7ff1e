"""The line: people take turns, limits hold, nobody overtakes, a place says what then happens."""

import random

import pytest

from backend.errors import LabError
from backend.queueing import Limits, Line, Place, expected_wait_s

FREE = Limits(running=1000, waiting=1000, rows=1000)


def filled(*names: str, limits: Limits = FREE, most: int = 1000) -> Line[str]:
    """A line of requests like "a1": person "a", one row, in the order given."""
    line: Line[str] = Line(limits, most=most)
    for name in names:
        line.join(name, person=name[0], rows=1, now_s=0.0)
    return line


def drained(line: Line[str]) -> list[str]:
    """Begin all and return them in their order."""
    order = []
    while first := line.next():
        line.begin(first, now_s=1.0)
        order.append(first)
    return order


def refused(line: Line[str], person: str, rows: int = 1) -> LabError:
    with pytest.raises(LabError) as caught:
        line.join("refused", person=person, rows=rows, now_s=0.0)
    return caught.value


def test_people_take_turns_each_in_their_own_order() -> None:
    order = drained(filled("a1", "a2", "a3", "b1", "b2", "c1"))
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_new_person_goes_before_anothers_third() -> None:
    line = filled("a1", "a2", "a3")
    line.begin("a1", now_s=0.0)
    line.join("b1", person="b", rows=1, now_s=0.0)
    assert drained(line) == ["a2", "b1", "a3"]


def test_who_runs_as_many_as_they_may_is_passed_over_and_comes_first_again() -> None:
    line = filled("a1", "a2", "b1", "b2", limits=Limits(running=1))
    assert drained(line) == ["a1", "b1"]
    line.leave("a1", now_s=2.0)
    assert drained(line) == ["a2"]
    line.leave("b1", now_s=3.0)
    assert drained(line) == ["b2"]


def test_the_next_in_turn_stays_the_next_until_it_begins() -> None:
    line: Line[str] = Line(FREE, most=100)
    line.join("large", person="a", rows=16, now_s=0.0)
    for n in range(10):
        line.join(f"small {n}", person=f"b{n}", rows=1, now_s=0.0)
        assert line.next() == "large"


def test_two_running_and_two_waiting_and_a_fifth_is_refused() -> None:
    line = filled("a1", "a2", "a3", "a4", limits=Limits())
    assert drained(line) == ["a1", "a2"]
    error = refused(line, "a")
    assert (error.code, error.values["status"]) == ("person_busy", 429)
    assert (error.values["running"], error.values["waiting"]) == (2, 2)
    line.join("b1", person="b", rows=1, now_s=0.0)  # nobody else is refused for it
    line.leave("a3", now_s=1.0)
    line.join("a5", person="a", rows=1, now_s=1.0)


def test_rows_are_counted_running_and_waiting_together() -> None:
    line: Line[str] = Line(Limits(), most=100)
    line.join("a1", person="a", rows=10, now_s=0.0)
    line.begin("a1", now_s=0.0)
    line.join("a2", person="a", rows=6, now_s=0.0)
    error = refused(line, "a")
    assert (error.code, error.values["status"], error.values["held"]) == ("person_rows", 429, 16)
    line.leave("a1", now_s=1.0)
    line.join("a3", person="a", rows=10, now_s=1.0)


def test_a_full_line_refuses_whoever_comes() -> None:
    error = refused(filled("a1", "b1", most=2), "c")
    assert (error.code, error.values["status"]) == ("busy", 503)
    assert error.values["retry_after_s"] == 10  # nothing measured yet
    line = filled("a1", "b1", "c1", most=2 + 1)
    line.begin("a1", now_s=0.0)
    line.leave("a1", now_s=6.5)
    line.begin("b1", now_s=6.5)
    for name in ("d1", "e1"):
        line.join(name, person=name[0], rows=1, now_s=7.0)
    assert refused(line, "f").values["retry_after_s"] == 7  # one runs, and one took 6.5 s


def test_a_patient_one_waits_for_a_running_place_and_leaves_the_waiting_ones_free() -> None:
    line: Line[str] = Line(Limits(), most=100)

    def asks(name: str) -> bool:
        return line.join(name, person="a", rows=1, now_s=0.0, patient=True)

    assert [asks("set 1"), asks("set 2"), asks("set 3")] == [True, True, False]
    line.join("pressed", person="a", rows=1, now_s=0.0)
    assert drained(line) == ["set 1", "set 2"]
    line.leave("set 1", now_s=1.0)
    assert not asks("set 3")  # what was pressed meanwhile goes first
    assert line.next() == "pressed"


def test_a_patient_one_of_more_rows_than_are_allowed_by_now_is_refused() -> None:
    line: Line[str] = Line(Limits(rows=16), most=100)
    line.join("a1", person="a", rows=1, now_s=0.0)
    assert not line.join("a2", person="a", rows=16, now_s=0.0, patient=True)
    line.limits = Limits(rows=8)
    with pytest.raises(LabError) as raised:
        line.join("a2", person="a", rows=16, now_s=0.0, patient=True)
    assert raised.value.code == "person_rows"


def test_a_closed_line_keeps_what_waits_and_nobody_joins_it() -> None:
    line: Line[str] = Line(Limits(), most=100)
    line.join("a1", person="a", rows=1, now_s=0.0)
    assert line.close() == ["a1"]
    for patient in (False, True):
        with pytest.raises(LabError) as raised:
            line.join("b1", person="b", rows=1, now_s=0.0, patient=patient)
        assert raised.value.code == "closing"
    assert line.waiting == ["a1"]


def test_the_local_caller_has_no_limits_but_takes_turns() -> None:
    line: Line[str] = Line(Limits(), most=100)
    for n in range(20):
        line.join(f"local {n}", person="", rows=32, now_s=0.0)
    line.join("a1", person="a", rows=1, now_s=0.0)
    assert drained(line)[:3] == ["local 0", "a1", "local 1"]
    assert line.next() is None


def test_places_say_the_order_in_which_all_then_begin() -> None:
    rng = random.Random(0)
    for _ in range(50):
        names = [f"{rng.choice('abcde')}{n}" for n in range(12)]
        line = filled(*names)
        for _ in range(rng.randrange(4)):
            first = line.next()
            assert first
            line.begin(first, now_s=0.0)
        said = {name: place.ahead for name in names if (place := line.place(name))}
        assert {name: n for n, name in enumerate(drained(line))} == said


def test_the_expected_wait_is_known_once_something_has_ended() -> None:
    line = filled("a1", "a2", "b1", "c1", "d1")
    for name in ("a1", "b1"):
        line.begin(name, now_s=0.0)
    assert line.place("a2") == Place(ahead=2, wait_s=None, own=False)
    line.leave("a1", now_s=4.0)  # took 4 s
    line.begin("c1", now_s=4.0)
    assert line.place("a2") == Place(ahead=1, wait_s=4.0, own=False)  # of two that run
    assert line.place("c1") is None


def test_who_waits_for_their_own_is_told_so() -> None:
    line = filled("a1", "a2", "b1", limits=Limits(running=1))
    assert drained(line) == ["a1", "b1"]
    line.leave("b1", now_s=9.0)
    assert line.place("a2") == Place(ahead=0, wait_s=8.0, own=True)


@pytest.mark.parametrize(
    ("ahead", "running", "service_s", "wait_s"),
    [(0, 1, [8.0], 8.0), (0, 4, [8.0], 2.0), (3, 4, [8.0], 8.0), (1, 2, [1.0, 3.0], 2.0)],
)
def test_expected_wait(ahead: int, running: int, service_s: list[float], wait_s: float) -> None:
    assert expected_wait_s(ahead, running, service_s) == wait_s


def test_expected_wait_is_unknown_before_anything_ended_or_while_nothing_runs() -> None:
    assert expected_wait_s(3, 0, [1.0]) is expected_wait_s(3, 2, []) is None


def test_the_deadline_counts_what_waits_not_what_runs() -> None:
    line = filled("a1", "b1", "c1", limits=Limits(deadline_s=5.0))
    line.begin("a1", now_s=1.0)
    assert line.late(4.9) == []
    assert line.late(5.0) == ["b1", "c1"]
    assert line.too_late().code == "waited_too_long"
    assert line.too_late().values["status"] == 503


def test_leaving_twice_and_a_line_of_strangers_leave_nothing_behind() -> None:
    line: Line[str] = Line(Limits(), most=10)
    for n in range(1000):
        line.join(f"{n}", person=f"p{n}", rows=3, now_s=0.0)
        if n % 2:
            line.begin(f"{n}", now_s=0.0)
        line.leave(f"{n}", now_s=1.0)
        line.leave(f"{n}", now_s=1.0)
    assert [*line._entries, *line._waiting, *line._running, *line._rows] == []
