"""Who has which slot: the same work for all, and no slot moves without a reason."""

import pytest

from l2l_tf.training.sharing import Sharing


def _shared(slots, workers, seconds=None):
    sharing = Sharing(slots)
    sharing.settle(workers)
    for i in range(slots):
        if seconds is not None:
            sharing.measure(i, seconds[i])
    return sharing


def _steps(sharing, workers, steps):
    """The moves of so many outer steps, made."""
    moved = {}
    for _ in range(steps):
        for i, worker in sharing.moves(workers).items():
            sharing.give(i, worker)
            moved[i] = worker
    return moved


@pytest.mark.parametrize(("slots", "workers", "expected"), [(4, "ab", "aabb"), (5, "ab", "aaabb"), (2, "abc", "ab")])
def test_at_the_beginning_neighbours_are_together(slots, workers, expected):
    assert "".join(_shared(slots, workers).holders) == expected


@pytest.mark.parametrize("seconds", [None, [1.0, 1.1, 1.0, 0.9]])
def test_even_work_stays_where_it_is(seconds):
    assert _steps(_shared(4, "ab", seconds), "ab", 100) == {}


def test_a_worker_that_comes_gets_its_share_at_once():
    sharing = _shared(16, "a")
    assert len(_steps(sharing, "ab", 1)) == 7  # 9 to 7 is not clearly uneven.
    assert _steps(sharing, "ab", 100) == {}


def test_slots_of_a_lost_worker_go_to_those_with_least_to_do():
    workers = ["a", "b", "c"]
    sharing = _shared(6, workers, [1.0, 1.0, 5.0, 5.0, 1.0, 1.0])
    assert sharing.forget(workers[2]) == [4, 5]
    sharing.settle(workers[:2])
    assert sharing.holders == ["a", "a", "b", "b", "a", "a"]


def test_uneven_work_moves_once_it_has_lasted():
    sharing = _shared(4, "ab", [3.0, 3.0, 1.0, 1.0])
    assert _steps(sharing, "ab", 4) == {}
    assert _steps(sharing, "ab", 1) == {0: "b", 2: "a"}
    sharing = _shared(6, "ab", [2.0, 2.0, 2.0, 1.0, 1.0, 1.0])
    assert _steps(sharing, "ab", 4) == {}
    assert list(_steps(sharing, "ab", 1).values()) == ["b"]


def test_a_slow_machine_gets_less_and_nothing_moves_to_and_fro():
    sharing, moved = _shared(12, "ab"), 0
    for _ in range(200):
        for i, holder in enumerate(sharing.holders):
            sharing.measure(i, 3.0 if holder == "b" else 1.0)
        moves = sharing.moves("ab")
        moved += len(moves)
        for i, worker in moves.items():
            sharing.give(i, worker)
    assert sharing.holders.count("b") == 3 and moved == 3


def test_one_large_slot_stays():
    assert _steps(_shared(3, "ab", [1.0, 0.1, 9.0]), "ab", 50) == {}
