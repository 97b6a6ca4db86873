"""Variance of ES, the reparameterisation gradient and their mix as the outer landscape grows rough with the unroll.

    python -m experiments.talk.estimator_variance --output=results/estimators

A small untrained LSTM optimizes one random quadratic. Its steps are large enough to be chaotic: the longer the unroll,
the rougher the meta-loss. At each length, many estimates are made at the same phi and of the same run, each of the same
members for all three, and compared weight by weight. As many independent runs as there are seeds.
"""

import argparse
import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

import problems
from l2l_tf import networks
from l2l_tf.estimators.mix import mixed
from l2l_tf.estimators.moments import Moments
from l2l_tf.estimators.perturbation import Perturbed, negative
from l2l_tf.estimators.reparameterization import average, backpropagated
from l2l_tf.evaluation import figures
from l2l_tf.saving import files, provenance
from l2l_tf.unrolling import seeds, unroll
from l2l_tf.unrolling.coordinates import AssignedNetworks
from l2l_tf.unrolling.objectives import trajectory_objective

LENGTHS = (5, 10, 20, 50, 100, 200, 500)
ESTIMATORS = ("es", "reparameterization", "mix")
_SCALE = 1.0


class Variances(NamedTuple):
    """What one run showed at one length.

    Attributes:
      variances: estimator to the variance of its estimates, `[weights]`.
      means: estimator to their mean, `[weights]`.
      count: of the estimates.
      bias: by how many standard errors the mean of the mix lies from that of ES, the root mean square over weights,
        estimates compared in pairs. Around 1 if there is no bias.
      dropped: pairs that were not finite.
    """

    variances: dict[str, np.ndarray]
    means: dict[str, np.ndarray]
    count: int
    bias: float
    dropped: int

    def over_better_parent(self, name: str) -> np.ndarray:
        """`[weights]`: the variance over the smaller one of ES and the reparameterisation gradient."""
        better = np.minimum(self.variances["es"], self.variances["reparameterization"])
        return (self.variances[name] / better)[better > 0]

    def relative(self, name: str) -> float:
        """The variance of all weights together over the squared norm of the gradient, as the better parent shows it."""
        better = min(("es", "reparameterization"), key=lambda parent: np.sum(self.variances[parent]))
        noise = np.sum(self.variances[better]) / self.count
        return float(np.sum(self.variances[name]) / (np.sum(self.means[better] ** 2) - noise))


def measure(len_unroll: int, seed: int, std: float, pairs: int, num_estimates: int) -> Variances:
    """The variances over `num_estimates` estimates of `pairs` pairs each."""
    problem = problems.get("quadratic", batch_size=1, num_dims=5, draw="gaussian", stddev=1.0)
    lstm = networks.get(
        "CoordinateWiseDeepLSTM",
        layers=[4],
        scale=_SCALE,
        preprocess_name="LogAndSign",
        preprocess_options={"k": 10},
        seed=seed,
    )
    network = AssignedNetworks({"lstm": lstm})
    objective = trajectory_objective(len_unroll, "mean", "log")
    perturbed = Perturbed(network, std, pairs)
    member = backpropagated(problem, perturbed, len_unroll, objective, second_derivatives=True, in_blocks=False)

    @tf.function(jit_compile=True, autograph=False)
    def samples(run, epsilon):
        up, up_gradients = member(run, epsilon)
        down, down_gradients = member(run, negative(epsilon))
        return _flat(perturbed.directional(epsilon, up - down)), _flat(average(up_gradients, down_gradients))

    @tf.function(autograph=False)
    def estimates(run, seed):
        start = Moments.of_none([tf.zeros([sum(v.shape.num_elements() for v in perturbed.variables)])])

        def add(moments, epsilon):
            return tuple(of.add([sample]) for of, sample in zip(moments, samples(run, epsilon)))

        es, reparameterized = perturbed.over_pairs(seed, add, (start, start))
        dropped = pairs - tf.minimum(es.count, reparameterized.count)
        return [es.mean()[0], reparameterized.mean()[0], mixed(es, reparameterized)[0]], dropped

    root = seeds.root(seed)
    run = unroll.start(problem, network, seeds.fold(root, seeds.Purpose.EVALUATION))
    rows, dropped = [], 0
    for i in range(num_estimates):
        row, left_out = estimates(run, seeds.fold(root, seeds.Purpose.TRAINING, i))
        rows.append(np.array(row, np.float64))
        dropped += int(left_out)
    by_name = dict(zip(ESTIMATORS, np.moveaxis(rows, 1, 0)))
    differences = by_name["mix"] - by_name["es"]
    spread = np.nanstd(differences, 0, ddof=1)
    # Where the mix was ES throughout there is nothing to compare.
    compared = spread > 0
    errors = np.nanmean(differences, 0)[compared] / (spread[compared] / np.sqrt(num_estimates))
    return Variances(
        {name: np.nanvar(row, 0, ddof=1) for name, row in by_name.items()},
        {name: np.nanmean(row, 0) for name, row in by_name.items()},
        num_estimates,
        float(np.sqrt(np.mean(errors**2))) if len(errors) else 0.0,
        dropped,
    )


def _flat(tensors: list[tf.Tensor]) -> tf.Tensor:
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0)


def table(measured: dict[tuple[int, int], Variances]) -> str:
    """A row a length; medians over the seeds, and of the mix over the better parent also the worst seed."""
    lines = [
        "| unroll | ES | reparameterisation | mix | mix / better parent (worst seed) | ES better | bias | dropped |",
        "| --- " * 8 + "|",
    ]
    for length in sorted({length for length, _ in measured}):
        runs = [variances for (own, _), variances in measured.items() if own == length]
        cells = [f"{np.median([run.relative(name) for run in runs]):.3g}" for name in ESTIMATORS]
        ratios = [np.mean(run.over_better_parent("mix")) for run in runs]
        better = np.mean([np.mean(run.variances["es"] < run.variances["reparameterization"]) for run in runs])
        cells += [
            f"{np.median(ratios):.3f} ({max(ratios):.3f})",
            f"{better:.0%}",
            f"{np.median([run.bias for run in runs]):.2f}",
        ]
        cells.append(f"{sum(r.dropped for r in runs)}")
        lines.append(f"| {length} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def curves_csv(measured: dict[tuple[int, int], Variances]) -> str:
    """One line for each length, seed and estimator."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["unroll", "seed", "estimator", "relative_variance", "median_variance", "over_better_parent"])
    for (length, seed), run in measured.items():
        for name in ESTIMATORS:
            numbers = (run.relative(name), np.median(run.variances[name]), np.mean(run.over_better_parent(name)))
            writer.writerow([length, seed, name, *(f"{number:.6g}" for number in numbers)])
    return stream.getvalue()


def figure(measured: dict[tuple[int, int], Variances]):
    """Relative variances by length: every seed, and their median."""
    from matplotlib.figure import Figure

    plot = Figure(figsize=(6, 4.5), layout="constrained")
    axes = plot.add_subplot()
    lengths = sorted({length for length, _ in measured})
    labels = {"es": "ES", "reparameterization": "reparameterisation", "mix": "mix"}
    for i, name in enumerate(ESTIMATORS):
        runs = [[run.relative(name) for (own, _), run in measured.items() if own == length] for length in lengths]
        axes.plot(lengths, [np.median(row) for row in runs], color=f"C{i}", linewidth=2, label=labels[name], zorder=3)
        for length, row in zip(lengths, runs):
            axes.plot([length] * len(row), row, ".", color=f"C{i}", alpha=0.4)
    axes.set(xscale="log", yscale="log", xlabel="steps of the unroll", ylabel="variance / squared norm of the gradient")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return plot


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--lengths", type=lambda text: tuple(map(int, text.split(","))), default=LENGTHS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--std", type=float, default=0.1)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--estimates", type=int, default=64)
    arguments = parser.parse_args()
    settings = (arguments.std, arguments.pairs, arguments.estimates)
    measured = {}
    for length in arguments.lengths:
        for seed in range(arguments.seeds):
            measured[length, seed] = run = measure(length, seed, *settings)
            print(length, seed, {name: f"{run.relative(name):.3g}" for name in ESTIMATORS}, flush=True)
    command = (
        f"python -m experiments.talk.estimator_variance --seeds={arguments.seeds} --std={arguments.std} "
        f"--pairs={arguments.pairs} --estimates={arguments.estimates} --output={arguments.output}"
    )
    text = _ABOUT.format(pairs=arguments.pairs, estimates=arguments.estimates, std=arguments.std)
    facts = f"`{command}`, seeds 0 to {arguments.seeds - 1}, {provenance.date()}.\n"
    for name, content in {
        "table.md": f"{text}\n{table(measured)}\n\n{facts}",
        "curves.csv": curves_csv(measured),
    }.items():
        files.write(arguments.output / name, content)
    figures.write(figure(measured), arguments.output / "figure.png")


_ABOUT = """# Variance of outer gradients against the length of the unroll

An untrained LSTM of 4 cells (step size 1) on one random 5-dimensional quadratic; the meta-loss is the mean of the
logarithms of the losses of one unroll, its back-propagated gradients are exact. For each length and seed there are
{estimates} estimates of {pairs} antithetic pairs, sigma {std}. The first three columns are the variance of an estimate,
all weights together, over the squared norm of the gradient, medians over seeds. "mix / better parent" is its variance
over the smaller one of its parents', weight by weight, averaged over weights. "ES better": the share of weights for
which ES has the lower variance. "bias": by how many standard errors the mean of the mix lies from that of ES (root mean
square over weights, median over seeds; about 1 without bias). "dropped": pairs that were not finite, in all.
"""


if __name__ == "__main__":
    main()
