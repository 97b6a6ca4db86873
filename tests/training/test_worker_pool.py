"""The pool of workers over a Ray that does at once what it is told: what a lost worker is blamed on, and a dead Ray."""

import itertools
import time
import types

import numpy as np
import pytest

from l2l_tf.training import ray_cluster, worker_pool
from l2l_tf.training.answers import Answer, packed
from l2l_tf.training.estimate import Estimate
from l2l_tf.training.slots import Place
from l2l_tf.training.worker_pool import Pool
from l2l_tf.training.workers import Job, Workers

PLACE = Place(3, 0, 5, 1, 2, 10)
ANSWER = Answer(Estimate(np.array([1.0, 2.0]), 3.0, 4.0, 1), PLACE, seconds=0.5)


class RayError(Exception):
    pass


class OutOfMemoryError(RayError):
    pass


class RayTaskError(RayError):
    pass


class FakeRay:
    """What is asked of workers comes back as `comes` has it: a value, an error, or None for never."""

    exceptions = types.SimpleNamespace(RayError=RayError, OutOfMemoryError=OutOfMemoryError, RayTaskError=RayTaskError)

    def __init__(self):
        self.comes = lambda: packed([ANSWER])
        self.calls, self.stored, self.killed = {}, [], []
        self.nodes = lambda: [{"NodeID": "here", "Alive": True}]

    def is_initialized(self):
        return True

    def remote(self, **options):
        return lambda of: types.SimpleNamespace(remote=self._actor)

    def _actor(self, *arguments):
        def method(value):
            def call(*arguments):
                reference = object()
                self.calls[reference] = value()
                return reference

            return types.SimpleNamespace(remote=call)

        return types.SimpleNamespace(ready=method(lambda: 1), work=method(lambda: self.comes()))

    def put(self, value):
        self.stored.append(value)
        return "stored"

    def wait(self, references, num_returns, timeout):
        ready = [reference for reference in references if self.calls[reference] is not None]
        return ready, [reference for reference in references if reference not in ready]

    def get(self, references):
        values = [self.calls[reference] for reference in (references if isinstance(references, list) else [references])]
        for value in values:
            if isinstance(value, Exception):
                raise value
        return values if isinstance(references, list) else values[0]

    def kill(self, worker):
        self.killed.append(worker)

    def get_runtime_context(self):
        return types.SimpleNamespace(get_node_id=lambda: "here")


@pytest.fixture
def ray(monkeypatch):
    fake = FakeRay()
    monkeypatch.setattr(ray_cluster, "imported", lambda: fake)
    return fake


def _result(ray, seconds=600.0):
    pool = Pool(lambda: None, Workers(1))
    pool.gather()
    pool.submit(pool.up[0], pool.put(np.zeros(3)), [Job(3, 0, None)], 7, seconds)
    (result,) = pool.wait(everything=True)
    return pool, result


def test_answers_come_back_as_they_were(ray):
    pool, result = _result(ray)
    (answer,) = result.answers
    assert answer.place == PLACE and answer.seconds == 0.5 and not answer.lost and answer.copied is None
    assert answer.estimate[1:] == ANSWER.estimate[1:] and list(answer.estimate.gradient) == [1.0, 2.0]
    assert result.version == 7 and pool.free() == pool.up


def test_answers_without_estimates_are_told_from_those_with(monkeypatch):
    from l2l_tf.training.answers import unpacked

    copied = [np.arange(3)]
    lost, first, second = unpacked(packed([Answer(None, PLACE, lost=True), Answer(None, PLACE, copied), ANSWER]))
    assert lost.lost and lost.estimate is None
    assert first.estimate is None and list(first.copied[0]) == [0, 1, 2]
    assert second.estimate.meta_loss == 3.0


@pytest.mark.parametrize(
    ("error", "name", "blamed"),
    [(RayError(), "RayError", False), (OutOfMemoryError(), "OutOfMemoryError", True)],
)
def test_a_worker_that_is_lost_is_replaced_and_memory_is_blamed(ray, error, name, blamed):
    ray.comes = lambda: error
    pool, result = _result(ray)
    assert result[3:] == (None, name, blamed)
    assert ray.killed == [result.worker] and len(pool.up) == 1 and pool.up[0] is not result.worker


def test_a_worker_that_takes_too_long_is_replaced_and_time_is_blamed(ray):
    ray.comes = lambda: None
    _, result = _result(ray, seconds=-1.0)
    assert result[3:] == (None, "its time limit", True) and ray.killed == [result.worker]


def test_a_fault_of_the_library_is_raised(ray):
    ray.comes = lambda: RayTaskError("ours")
    with pytest.raises(RayTaskError, match="ours"):
        _result(ray)


def test_a_large_phi_goes_into_the_store_once(ray):
    pool = Pool(lambda: None, Workers(1))
    assert isinstance(pool.put(np.zeros(1000)), bytes)
    assert pool.put(np.zeros(100_000)) == "stored"


def test_a_ray_that_died_is_noticed_where_nothing_is_heard(ray, monkeypatch):
    ray.comes = lambda: None
    ray.nodes = lambda: [{"NodeID": "here", "Alive": False}, {"NodeID": "there", "Alive": True}]
    pool = Pool(lambda: None, Workers(1))
    pool.gather()
    pool.submit(pool.up[0], b"", [Job(3, 0, None)], 1, 600.0)
    assert pool.wait() == []  # Not yet.
    now = itertools.count(time.monotonic() + 31.0)
    monkeypatch.setattr(worker_pool.time, "monotonic", lambda: next(now))
    with pytest.raises(ray_cluster.RayLostError, match=r"\(raylet\) has died, so that .* go on with --resume"):
        pool.wait()


def _gone():
    raise ConnectionError


@pytest.mark.parametrize(
    ("nodes", "says"),
    [(lambda: time.sleep(1), "Ray has not answered for 0.1 s"), (_gone, r"does not say .* \(ConnectionError\)")],
)
def test_a_ray_that_does_not_answer_is_dead(ray, nodes, says):
    ray.nodes = nodes
    with pytest.raises(ray_cluster.RayLostError, match=says):
        ray_cluster.check_alive(ray, 0.1)
    ray.nodes = lambda: [{"NodeID": "here", "Alive": True}]
    ray_cluster.check_alive(ray, 5.0)
