"""The tables of the paper's claims and of the talk's, and of what we found, made from the results' JSON files."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from absl import flags

from experiments.paper import claims as of_paper
from experiments.talk import judgements
from experiments.talk.judgements import Judged
from l2l_tf import pretrained
from l2l_tf.saving import files

DESCRIPTION = """Writes the tables of the paper's claims, claims.md, and of the talk's, claims_talk.md, from what the
experiments wrote to --results."""

FLAGS = of_paper.FLAGS
flags.DEFINE_enum(
    "rule", "general", pretrained.names(), "The pretrained optimizer that the talk's claims are held against.", FLAGS
)

FILE = "claims_talk.md"


class Claim(NamedTuple):
    """A claim of the talk.

    Attributes:
      number: after the paper's twelve.
      text: what it says.
      rule: how it is judged, in words.
      judge: from the folder of results and the name of the rule.
    """

    number: int
    text: str
    rule: str
    judge: Callable[[Path, str], Judged]


_LEVEL = f"at most {judgements.LEVEL:g} times"
_BELOW = "below each of these budgets in mean and median of the test losses; in part: of some"

CLAIMS = (
    Claim(
        13,
        "At equal compute, rules that see tensors as a whole beat those that see single parameters",
        "means on new tasks all below the others'; in part: that of one",
        judgements.architectures,
    ),
    Claim(
        14,
        "More training tasks: better on new tasks",
        "the mean falls with every step; in part: from one task to the most",
        judgements.more_tasks,
    ),
    Claim(
        15, "TaskSet, held-out tasks, untuned: below one configuration for all tasks", _BELOW, judgements.taskset(1, 1)
    ),
    Claim(15, "The same: below 10 to 14 trials on each task", _BELOW, judgements.taskset(2, 14)),
    Claim(15, "The same: below larger budgets (in the talk, on par)", _BELOW, judgements.taskset(15, float("inf"))),
    Claim(
        16,
        "Out of distribution, other image sizes, images and networks: as tuned Adam",
        f"{_LEVEL} the loss of Adam at the best of 8 rates on all; in part: on some",
        judgements.out_of_distribution,
    ),
    Claim(
        17,
        "Widths and batch sizes in and near the range of the training: as tuned Adam",
        f"{_LEVEL} Adam's at the best of 8 rates at all sizes up to 10 times beyond; in part: at some",
        judgements.widths(near=True),
    ),
    Claim(
        17,
        "Farther out too (in the talk, partly: it diverges on CIFAR-10)",
        "the same, at the sizes beyond",
        judgements.widths(near=False),
    ),
    Claim(
        18,
        "ResNet, 14 layers, CIFAR-10: as tuned Adam and momentum",
        f"training and test loss {_LEVEL} the better one's at the best of 5 rates; in part: one of the losses",
        judgements.resnet(14),
    ),
    Claim(18, "ResNet, 35 layers: the same (in the talk, slightly worse)", "the same", judgements.resnet(35)),
    Claim(
        19,
        "By step and by wall clock: as tuned Adam",
        f"on the ResNets, training loss {_LEVEL} tuned Adam's after as many steps and seconds; in part: some of these",
        judgements.by_time,
    ),
    Claim(
        20,
        "Trains new learned optimizers as well as tuned outer Adam",
        "outer loss at the end, clipped or not, at or below Adam's at the best of 5 rates on all; in part: on some",
        judgements.self_training,
    ),
    Claim(
        21,
        "Implicit regularisation: on (x - y)² / 2 it drifts to the origin, Adam to the nearest minimum",
        "shrinkage of at least 0.5; in part: 0.1",
        judgements.implicit_regularisation,
    ),
    Claim(
        22,
        "Validation losses as outer objective: better on test images, few training images",
        "below the one for training losses, 95 % interval of the paired difference, on all seeds; in part: on some",
        judgements.objectives("objectives-small-data"),
    ),
    Claim(
        22,
        "Losses under noise as outer objective: better under that noise",
        "the same",
        judgements.objectives("objectives-noise"),
    ),
)


def main():
    of_paper.main()
    folder = Path(FLAGS.results)
    files.check(folder / FILE)
    text = render(folder, FLAGS.rule)
    files.write(folder / FILE, text)
    print(f"\n{text}\nWritten: {folder / FILE}")


def render(folder: Path, rule: str) -> str:
    """The table in Markdown, of the results in `folder`."""
    rows = [["", "the talk says", "judged by", "what we measured", "verdict"], ["---"] * 5]
    for claim in CLAIMS:
        judged = claim.judge(folder, rule)
        rows.append([str(claim.number), claim.text, claim.rule, judged.measured, judged.verdict])
    return _HEAD.format(rule=rule) + "\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


_HEAD = """# The talk's claims

Metz, 2019 to 2020: "Towards usable learned optimizers", and Metz et al. 2020, "Tasks, stability, architecture, and
compute". Held against `{rule}`, trained once and not tuned, except where a row trains rules of its own. How each row is
judged is said in it, and done in `experiments/talk/judgements.py`; commands, seeds and dates are on the pages. Made by
`python -m experiments claims`. The paper's claims: [claims.md](claims.md)."""
