"""Slots of workers without Ray: whatever is lost, late or slow, an outer step gets what it would have had here.

Workers are the real ones, called at once, over computers whose estimates are arithmetic. `python -m benchmarks.workers`
does the same with Ray, processes and kill -9.
"""

import functools
import pickle
import random
import types
from typing import NamedTuple

import numpy as np
import pytest

from l2l_tf.training import remote_slots, slots
from l2l_tf.training.answers import unpacked
from l2l_tf.training.estimate import Estimate
from l2l_tf.training.remote_slots import RemoteSlots
from l2l_tf.training.tasks_config import TasksConfig
from l2l_tf.training.worker_pool import Result
from l2l_tf.training.workers import Worker, Workers

CONFIG = TasksConfig(
    networks={"cw": {"net": "RNNProp"}},
    tasks_per_step=5,
    task_lifetime=7,
    num_steps=20,
    shortest_run=4,
    unroll_length=2,
)


class Slot(NamedTuple):
    place: slots.Place
    run: float | None = None


class Arithmetic:
    """A computer whose runs are a number that depends on all phi that it has met."""

    def __init__(self, faulty=()):
        self._faulty = faulty

    def assign(self, phi):
        self._phi = phi.copy()

    def keep_only(self, places):
        self.kept = list(places)

    def arrays_of(self, slot):
        return [] if slot.run is None else [np.array(slot.run)]

    def slot_of(self, place, arrays):
        return Slot(place, float(arrays[0]) if arrays else None)

    def estimate(self, slot):
        place = slot.place
        if (place.slot, place.generation) in self._faulty:
            bad = Estimate(np.full(2, np.nan), np.nan, np.nan, 0, error="of memory")
            return bad, Slot(slots.given_up(CONFIG, place))
        run = (np.sin(10.0 * place.slot + place.run) if slot.run is None else slot.run) * 1.01 + self._phi[0]
        estimate = Estimate(np.array([np.cos(run), place.slot]), run, run, 0)
        after = slots.after(CONFIG, place, True)
        goes_on = (after.generation, after.run) == (place.generation, place.run)
        return estimate, Slot(after, run if goes_on else None)


class HerePool:
    """A pool whose workers are objects; `loses` says of every result whether its worker is lost before it comes."""

    like = np.zeros(2)
    blamed = False

    def __init__(self, make, workers):
        self._make = make
        self._calls = []
        self.loses = lambda jobs: False
        self.lost = 0
        self.moved = []  # Slots of the jobs that began from copies.
        self.up = [Worker(make, "/nowhere") for _ in range(workers.processes)]

    def gather(self):
        pass

    def put(self, phi):
        return pickle.dumps(phi)

    def free(self):
        busy = [worker for worker, *_ in self._calls]
        return [worker for worker in self.up if worker not in busy]

    def submit(self, worker, phi, jobs, version, seconds):
        assert seconds >= 600
        self.moved += [job.slot for job in jobs if job.start is not None]
        self._calls.append((worker, jobs, version, phi))

    def wait(self, everything):
        worker, jobs, version, phi = self._calls.pop(0)
        if self.loses(jobs):
            self.lost += 1
            self.up[self.up.index(worker)] = Worker(self._make, "/nowhere")
            return [Result(worker, jobs, version, None, "LostError", self.blamed)]
        return [Result(worker, jobs, version, unpacked(worker.work(phi, pickle.dumps([tuple(job) for job in jobs]))))]


@pytest.fixture(autouse=True)
def no_ray(monkeypatch):
    monkeypatch.setattr(remote_slots, "Pool", HerePool)


def _made(processes, faulty=(), **options):
    return RemoteSlots(CONFIG, functools.partial(Arithmetic, faulty), Workers(processes, **options))


def _train(some, steps, phi=(0.1, 0.2)):
    phi = np.array(phi)
    for _ in range(steps):
        given = some.step(phi)
        gradients = [each.estimate.gradient for each in given if each.estimate.finite]
        phi = phi - 0.1 * np.sum(gradients, 0)
    return phi


def _here(steps, faulty=()):
    class Local:
        computer, slots = Arithmetic(faulty), [Slot(slots.first(CONFIG, i)) for i in range(5)]

        def step(self, phi):
            self.computer.assign(phi)
            results = [self.computer.estimate(slot) for slot in self.slots]
            self.slots = [slot for _, slot in results]
            return [types.SimpleNamespace(estimate=estimate) for estimate, _ in results]

    return _train(Local(), steps)


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_any_number_of_workers_gives_the_same_bits(processes):
    np.testing.assert_array_equal(_train(_made(processes), 40), _here(40))


@pytest.mark.parametrize("seed", range(5))
def test_lost_workers_change_no_bit(seed):
    some, generator = _made(2), random.Random(seed)
    some._pool.loses = lambda jobs: generator.random() < 0.2
    np.testing.assert_array_equal(_train(some, 60), _here(60))
    assert some._pool.lost > 10


def test_slots_stay_with_their_workers(monkeypatch):
    some = _made(2)
    monkeypatch.setattr(some.sharing, "measure", lambda slot, seconds: None)  # Of a machine that is not busy otherwise.
    _train(some, 40)
    assert some._pool.moved == [0, 1, 2, 3, 4]


def test_slots_that_move_to_and_fro_change_no_bit(monkeypatch):
    some, generator = _made(3), random.Random(0)

    def moves(workers):
        return {i: generator.choice(workers) for i in range(5) if generator.random() < 0.3}

    monkeypatch.setattr(some.sharing, "moves", moves)
    np.testing.assert_array_equal(_train(some, 40), _here(40))
    assert len(some._pool.moved) > 20


def test_it_goes_on_from_its_state_with_another_number_of_workers():
    first, second, generator = _made(3), _made(1), random.Random(0)
    phi = _train(first, 23)
    for i in (1, 4):  # Lost, so that they are computed again.
        first._forget(i)
    second.restore(first.state())
    second._pool.loses = lambda jobs: generator.random() < 0.1
    np.testing.assert_array_equal(_train(second, 17, phi), _here(40))
    with pytest.raises(ValueError, match="other slots"):
        second.restore(first.state()[:2])


def _loses_slot_3(some):
    some._pool.loses = lambda jobs: any(job.slot == 3 and some._places[3].generation == 0 for job in jobs)


def test_a_task_over_which_memory_or_time_run_out_is_left_out():
    some = _made(2)
    some._pool.blamed = True
    _loses_slot_3(some)
    given = some.step(np.array([0.1, 0.2]))
    assert [bool(each.estimate.error) for each in given] == [False, False, False, True, False]
    assert given[3].estimate.error == "3 workers were lost over it, the last as LostError"
    assert some._pool.lost == 4  # Once with others, so that it was not known which it is.
    given = some.step(np.array([0.1, 0.2]))
    assert given[3].place.generation == 1 and given[3].estimate.finite


def test_kills_are_not_the_fault_of_a_task():
    some = _made(2)
    kills = iter([True] * 15)
    some._pool.loses = lambda jobs: any(job.slot == 3 for job in jobs) and next(kills, False)
    np.testing.assert_array_equal(_train(some, 10), _here(10))
    assert some._pool.lost == 15


def test_a_task_that_always_ends_its_worker_is_left_out_in_the_end():
    some = _made(2)
    _loses_slot_3(some)
    given = some.step(np.array([0.1, 0.2]))
    assert given[3].estimate.error == "20 workers were lost over it, the last as LostError"


def test_a_task_that_raises_is_left_out_the_same_everywhere():
    faulty = {(2, 0), (0, 1)}
    np.testing.assert_array_equal(_train(_made(2, faulty), 30), _here(30, faulty))


def test_gradients_that_are_too_old_are_dropped_and_counted():
    some = _made(2, staleness=1)
    steps = [some.step(np.array([0.1, 0.2])) for _ in range(30)]
    assert all(len(given) >= 5 and max(each.age for each in given) <= 1 for given in steps)
    call = some._pool._calls[0]
    some._pool._calls[0] = (*call[:2], some._version - 5, call[3])
    some.step(np.array([0.1, 0.2]))
    assert some.stale == len(call[1])


def test_without_waiting_lost_workers_and_moves_stop_nothing():
    some, generator = _made(3, staleness=2), random.Random(0)
    some._pool.loses = lambda jobs: generator.random() < 0.1
    assert np.isfinite(_train(some, 60)).all()
    assert some._pool.lost > 5
    assert [place.slot for place, _ in some.state()] == [0, 1, 2, 3, 4]
