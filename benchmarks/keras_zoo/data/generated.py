"""Data that are made here, from fixed seeds: the same for all who run the zoo."""

import numpy as np

from benchmarks.keras_zoo.task import Data


def _cut(arrays, held_out=1_000) -> Data:
    """The last `held_out` examples are held out."""
    arrays = tuple(np.asarray(a, np.int32 if np.issubdtype(a.dtype, np.integer) else np.float32) for a in arrays)
    return Data(tuple(a[:-held_out] for a in arrays), tuple(a[-held_out:] for a in arrays))


def classified_table(data_dir: str | None = None) -> Data:
    """40 numbers of rows `[N, 40]`, and one of 6 classes by a random network of tanh units, 5 % of them at random."""
    random = np.random.default_rng(1)
    x = random.normal(size=[9_000, 40])
    hidden = np.tanh(x @ random.normal(size=[40, 30]) / 3)
    labels = np.argmax(hidden @ random.normal(size=[30, 6]), 1)
    wrong = random.random(len(x)) < 0.05
    return _cut((x, np.where(wrong, random.integers(0, 6, len(x)), labels)))


def raw_table(data_dir: str | None = None) -> Data:
    """Features in their own units (rooms, years, square feet, incomes) `[N, 6]`, and prices in thousands `[N]`."""
    random = np.random.default_rng(2)
    rooms, age = random.integers(1, 9, 7_000), random.uniform(0, 90, 7_000)
    area = rooms * random.normal(220, 30, 7_000) + random.normal(150, 60, 7_000)
    income, distance = random.lognormal(1.2, 0.5, 7_000), random.exponential(8, 7_000)
    view = random.integers(0, 2, 7_000)
    price = 40 + 0.12 * area + 25 * income * np.exp(-distance / 20) + 30 * view - 0.4 * age + 6 * (rooms > 4)
    price += random.normal(0, 12, 7_000)
    return _cut((np.stack([rooms, age, area / 100, income, distance, view], 1), price))


def ratings(data_dir: str | None = None) -> Data:
    """Users `[N]`, items `[N]`, and ratings `[N]` from 6 hidden features with noise."""
    random = np.random.default_rng(3)
    users, items = random.normal(size=[400, 6]), random.normal(size=[250, 6])
    user, item = random.integers(0, 400, 20_000), random.integers(0, 250, 20_000)
    rating = 3.5 + (users[user] * items[item]).sum(1) / 6**0.5 + 0.3 * random.normal(size=20_000)
    return _cut((user, item, rating))


def oscillations(data_dir: str | None = None) -> Data:
    """30 values of two damped oscillations `[N, 30, 1]`, and the next value `[N]`."""
    random = np.random.default_rng(4)
    t = np.arange(31)
    speeds = random.uniform(0.1, 0.9, [6_000, 2, 1])
    phases, sizes = random.uniform(0, 2 * np.pi, [6_000, 2, 1]), random.uniform(0.3, 1, [6_000, 2, 1])
    series = (sizes * np.exp(-0.02 * t) * np.sin(speeds * t + phases)).sum(1)
    return _cut((series[:, :30, None], series[:, 30]))


def sums(data_dir: str | None = None) -> Data:
    """The adding problem: 25 numbers and two marks `[N, 25, 2]`, and the sum of the marked numbers `[N]`."""
    random = np.random.default_rng(5)
    numbers, marks = random.random([9_000, 25]), np.zeros([9_000, 25])
    rows = np.arange(9_000)
    first, second = random.integers(0, 12, 9_000), random.integers(12, 25, 9_000)
    marks[rows, first] = marks[rows, second] = 1
    return _cut((np.stack([numbers, marks], 2), numbers[rows, first] + numbers[rows, second]))


def sensor_series(data_dir: str | None = None) -> Data:
    """100 values of a sensor `[N, 100, 1]`, and which of 5 faults it has `[N]`: the shape of its waves, with noise."""
    random = np.random.default_rng(6)
    t = np.arange(100)
    label = random.integers(0, 5, 6_000)
    phase = (t * random.uniform(0.15, 0.4, [6_000, 1]) + random.uniform(0, 6.3, [6_000, 1])) % (2 * np.pi)
    waves = [np.sin(phase), np.sign(np.sin(phase)), phase / np.pi - 1, np.sin(phase) ** 3, np.sin(phase * 2) * 0.8]
    series = np.choose(label[:, None], waves) * random.uniform(0.5, 1.5, [6_000, 1])
    return _cut((series[..., None] + 0.4 * random.normal(size=[6_000, 100, 1]), label))


def points(data_dir: str | None = None) -> Data:
    """Points of the unit square `[N, 2]`, at random."""
    return _cut((np.random.default_rng(7).random([5_000, 2]),))


def picture(data_dir: str | None = None) -> Data:
    """Places in [-1, 1]^2 `[N, 2]`, and the colours `[N, 3]` there of a picture of waves and discs."""
    random = np.random.default_rng(8)
    places = random.uniform(-1, 1, [9_000, 2])
    x, y = places.T
    colours = [0.5 + 0.4 * np.sin(7 * x + 3 * np.cos(5 * y)), x**2 + y**2 < 0.5, 0.5 + 0.5 * np.cos(11 * (x - y) * x)]
    return _cut((places, np.stack(colours, 1)))


def citations(data_dir: str | None = None) -> Data:
    """A graph of 400 papers in 5 fields: words `[1, 400, 60]`, the graph `[1, 400, 400]`, fields and which are known.

    The graph has loops and is normalised by both degrees (Kipf and Welling 2017, section 2.2). The last array,
    `[1, 400]`, is 1 for the papers that count: 100 for training, the others held out.
    """
    random = np.random.default_rng(9)
    field = random.integers(0, 5, 400)
    linked = random.random([400, 400]) < np.where(field[:, None] == field, 0.03, 0.005)
    linked = np.triu(linked, 1)
    graph = linked + linked.T + np.eye(400)
    degrees = graph.sum(0) ** -0.5
    graph = degrees[:, None] * graph * degrees
    words = random.random([400, 60]) < np.where(random.random([5, 60]) < 0.2, 0.25, 0.08)[field]
    known = np.arange(400) < 100
    arrays = [a[None].astype(np.float32) for a in (words, graph)]
    labels = field[None].astype(np.int32)
    return Data(*((*arrays, labels, own[None].astype(np.float32)) for own in (known, ~known)))
