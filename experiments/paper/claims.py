"""The table of the paper's claims and of what we found, made from the results' JSON files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags

from experiments.shared import verdict
from l2l_tf.evaluation import report
from l2l_tf.saving import files

DESCRIPTION = """Writes the table of the paper's claims, claims.md, from what the experiments wrote to --results."""

FLAGS = flags.FlagValues()
flags.DEFINE_string("results", "results", "Folder of the experiments' results.", FLAGS)
flags.DEFINE_bool("debug", False, "Show the traceback of every error.", FLAGS)

FILE = "claims.md"


class Claim(NamedTuple):
    """A claim of Andrychowicz et al. 2016.

    Attributes:
      figure: of the paper.
      text: what it says.
      folders: of the comparisons that show it.
      group: name of the learned optimizer it is about; None takes the first.
      below: whether it says that the learned optimizer is below every tuned one, or that it is not.
    """

    figure: str
    text: str
    folders: tuple[str, ...]
    group: str | None = None
    below: bool = True


# The architectures next to the 20 units in one layer of the training.
NEAR = tuple(f"sweep/{units}x{layers}" for layers in (1, 2) for units in (10, 20, 40))

CLAIMS = (
    Claim(
        "4, left", "Quadratics: well below all tuned optimizers", ("quadratic-gaussian-100", "quadratic-uniform-100")
    ),
    Claim("-", "Quadratics, to step 200", ("quadratic-gaussian-200", "quadratic-uniform-200")),
    Claim("4, centre", "MNIST: below all tuned optimizers at step 100", ("mnist-100",)),
    Claim("4, right", "MNIST: still ahead when run on to step 200", ("mnist-200",)),
    Claim("5, left", "MNIST with 40 units: transfers", ("transfer-40-units",)),
    Claim("5, centre", "MNIST with two layers: transfers", ("transfer-2-layers",)),
    Claim("5, right", "MNIST with ReLU: does not transfer", ("transfer-relu",), below=False),
    Claim("6", "Sweep: transfers near the training architecture (10 to 40 units, 1 and 2 layers)", NEAR),
    Claim("7, left", "CIFAR-10: ahead over 1,000 steps", ("cifar-10",), "LearnedMomentum"),
    Claim("7, centre", "CIFAR-5: trained on the other labels only (LSTM-sub), wins", ("cifar-5",), "LearnedAdam-sub"),
    Claim("7, right", "CIFAR-2: trained on other labels only (LSTM-sub), wins", ("cifar-2",), "LearnedAdam-sub"),
    Claim("-", "CIFAR-5: the same, by a rule without a clock in unrolls of 100", ("cifar-5",), "LearnedMomentum-sub"),
    Claim("-", "CIFAR-2: the same, by that rule", ("cifar-2",), "LearnedMomentum-sub"),
    Claim(
        "-",
        "CIFAR-2: that rule, trained further for validation losses on few images of the other labels",
        ("cifar-2",),
        "LearnedMomentum-sub, validation",
    ),
    Claim("8, left", "Neural art: below on new content", ("neural_art-64",)),
    Claim("8, right", "Neural art: below on new content, a new style and 128 x 128 at once", ("neural_art-128",)),
)


def main():
    folder = Path(FLAGS.results)
    if not folder.is_dir():
        raise ValueError(f"--results is the folder that the experiments wrote to. There is none at {str(folder)!r}.")
    files.check(folder / FILE)
    text = render(folder)
    files.write(folder / FILE, text)
    print(text + f"\nWritten: {folder / FILE}")


def render(folder: Path) -> str:
    """The table in Markdown, of the results in `folder`."""
    rows = [["figure", "claim", "what we measured", "verdict"], ["---"] * 4]
    for claim in CLAIMS:
        found = [(name, *judge(claim, folder / name)) for name in claim.folders]
        measured = "; ".join(f"[{name}]({name}/table.md): {numbers}" for name, numbers, _ in found if numbers)
        rows.append([claim.figure, claim.text, measured, verdict.combined([verdict for *_, verdict in found])])
    return _HEAD + "\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def judge(claim: Claim, folder: Path) -> tuple[str, str]:
    """Numbers and verdict of one comparison; no numbers where it was not run."""
    try:
        content = json.loads((folder / "results.json").read_text())
        learned = [result for result in content["results"] if result["learned"]]
    except FileNotFoundError:
        return "", verdict.NOT_RUN
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{str(folder / 'results.json')!r} is no whole comparison. Run its experiment again."
        ) from error
    group = claim.group or (learned[0]["details"].get("group") if learned else None)
    learned = [result for result in learned if result["details"].get("group") == group]
    if not learned:
        return "", verdict.NOT_RUN
    split = content.get("split")
    seeds = [_losses(result, split) for result in learned]
    baselines = {result["name"]: _losses(result, split) for result in content["results"] if not result["learned"]}
    comparison = verdict.compare(seeds, baselines)
    ours, theirs = report.interval(np.mean(seeds, axis=0)), report.interval(baselines[comparison.best])
    numbers = (
        f"{report.plus_minus(ours)} ({_seeds(seeds)}), {comparison.best} {report.plus_minus(theirs)}, "
        f"ratio {comparison.ratio:.2f}, {sum(comparison.below)} of {_count(len(seeds), 'seed')} below, "
        f"{_count(len(seeds[0]), 'draw')}"
    )
    found = verdict.of_seeds(comparison.below)
    return numbers, found if claim.below else verdict.opposite(found)


def _losses(result: dict[str, Any], split: str | None) -> np.ndarray:
    losses = result["held_out_final_losses"][split] if split else result["final_losses"]
    return np.array([np.inf if loss is None else loss for loss in losses], np.float64)


def _seeds(seeds: Sequence[np.ndarray]) -> str:
    return ", ".join(f"{losses.mean():.4g}" for losses in seeds)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


_HEAD = """# The paper's claims

Andrychowicz et al. 2016, "Learning to learn by gradient descent by gradient descent". Mean final loss with its 95 %
interval over fresh draws (in parentheses each meta-training seed), beside the best of SGD, RMSprop, Adam and NAG, each
at its best learning rate for that step. A seed is below where the 95 % interval of the paired difference to *every* one
of these is below 0. "holds": on all seeds (and in all comparisons of the row); "holds in part": on some. Made by
`python -m experiments claims`."""
