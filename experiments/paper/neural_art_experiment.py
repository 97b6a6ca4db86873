"""The experiment on neural art: what is trained where it is not, and a comparison on photographs of each part."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.paper.neural_art_flags import FLAGS, NAME, problem_options
from l2l_tf import presets, pretrained
from l2l_tf.evaluation import figures, report, report_page
from l2l_tf.saving import saved_optimizer
from l2l_tf.saving.provenance import provenance
from l2l_tf.training import checkpoint
from problems import pictures

CLASSICS = {"SGD": "Sgd", "RMSprop": "RMSProp", "NAG": "Nesterov", "Adam": "Adam"}
_PICTURED = 4  # rows of a grid
_ROOT = Path(__file__).parents[2]


class Part(NamedTuple):
    """A comparison: the folder of its results, the size of the images, and the style."""

    folder: Path
    size: int
    style: str


def parts_from_flags() -> list[Part]:
    """The parts that the flags name.

    Raises:
      ValueError: a style is missing.
    """
    sizes = {"64": 16, "128": 20} if FLAGS.quick else {"64": 64, "128": 128}
    if "128" in FLAGS.sizes and not FLAGS.held_out_style:
        raise ValueError("--held_out_style is needed for the part at 128 x 128; --sizes=64 leaves that out.")
    styles = {"64": FLAGS.style, "128": FLAGS.held_out_style}
    folder = FLAGS.output or ("runs/quick/results/neural_art" if FLAGS.quick else "results/neural_art")
    return [Part(Path(f"{folder}-{size}"), sizes[size], styles[size]) for size in FLAGS.sizes]


def experiment(parts: Sequence[Part]) -> None:
    """Trains what is not there, and compares."""
    learned = {Path(path).name: pretrained.folder(path) for path in FLAGS.optimizer or []} or dict(_trained())
    for part in parts:
        compare(part, learned)


def compare(part: Part, learned: dict[str, Path]) -> None:
    """Tables, curves and pictures of one part."""
    import problems
    from experiments.paper import stylise
    from l2l_tf.evaluation import comparison
    from l2l_tf.evaluation.tuning_cache import TuningCache

    test: Any = problems.get(NAME, **problem_options(part.style, part.size, "test"))
    validation = problems.get(NAME, **problem_options(part.style, part.size, "validation"))
    cache = TuningCache(part.folder / "tuning.json")
    contenders = [comparison.saved(name, folder, test) for name, folder in learned.items()]
    for name, network in CLASSICS.items() if not FLAGS.quick else [("Adam", CLASSICS["Adam"])]:
        contender = comparison.tuned(name, network, validation, FLAGS.num_steps, FLAGS.tuning_draws, FLAGS.seed, cache)
        remarks = " ".join(report.tuning_caveats(name, contender.details))
        print(f"{name}: learning rate {contender.learning_rate:g}", remarks, flush=True)
        contenders.append(contender)
    results = [
        comparison.run(test, contender, FLAGS.num_steps, FLAGS.num_draws, FLAGS.seed) for contender in contenders
    ]
    best = min(float(result.curves.final().mean()) for result in results if not result.learned)
    about = {
        **provenance(FLAGS.seed),
        "problem": NAME,
        "problem_options": test.options,
        "num_steps": FLAGS.num_steps,
        "num_draws": FLAGS.num_draws,
        "ratio_to_best_baseline": {
            result.name: float(result.curves.final().mean()) / best for result in results if result.learned
        },
    }
    report.write(results, about, part.folder)
    style = pictures.expand(part.style).stem
    title = f"{part.size} x {part.size}, {style}, {FLAGS.num_draws} test photographs"
    figures.write(figures.learning_curves(results, title), part.folder / "figure.png")
    report_page.write(part.folder / report_page.FILE, results, about, title)
    print(f"\n{part.size} x {part.size}, {style}\n{report.table(results)}")
    for name, ratio in about["ratio_to_best_baseline"].items():
        print(f"{name}: {ratio:.3f} times the best baseline")
    ours, adam = (stylise.Painter(test, contender.network) for contender in (contenders[0], contenders[-1]))
    rows = [
        tuple(paint(FLAGS.num_steps, FLAGS.seed, draw) for paint in (ours, adam))
        for draw in range(min(_PICTURED, FLAGS.num_draws))
    ]
    # Photographs may not be ours to hand on, so their pictures stay where nothing is committed.
    stylise.write_grid(part.style, rows, grid_file(part))


def grid_file(part: Part) -> Path:
    """Where the pictures of a part are written."""
    return _runs() / f"{part.folder.name}.png"


def _trained() -> Iterator[tuple[str, Path]]:
    """The optimizers of all seeds, name and folder, each trained first where it is not, or not to the end."""
    options = problem_options(FLAGS.style, 16 if FLAGS.quick else 64, "train")
    num_epochs = 1 if FLAGS.quick else presets.get("recommended", NAME)["num_epochs"]
    for seed in range(FLAGS.seeds):
        name = f"{NAME}-{seed}"
        folder = _runs() / name
        if _epochs(folder, options) < num_epochs:
            words = [
                str(_ROOT / "train.py"),
                f"--problem={NAME}",
                f"--problem_options={json.dumps(options)}",
                f"--network_options={json.dumps({'seed': seed})}",
                f"--seed={seed}",
                f"--save_path={folder}",
                "--log_period=5",
            ]
            words += ["--resume"] if (folder / checkpoint.FILE).exists() else []
            words += ["--num_epochs=1", "--num_steps=4", "--unroll_length=2"] if FLAGS.quick else []
            print(shlex.join(["python", "train.py", *words[1:]]), flush=True)
            if subprocess.run([sys.executable, *words], check=False).returncode:
                raise ValueError(f"The training in {str(folder)!r} did not end well; see above.")
        yield name, folder


def _runs() -> Path:
    return Path("runs/quick" if FLAGS.quick and not FLAGS["runs"].present else FLAGS.runs)


def _epochs(folder: Path, options: dict[str, Any]) -> int:
    """How many the optimizer in `folder` was trained for; 0 where there is none."""
    if not (folder / saved_optimizer.CONFIG).is_file():
        return 0
    trained = saved_optimizer.read(folder)[0]["metadata"]
    if not isinstance(trained.get("problem_options"), dict) or not isinstance(trained.get("epochs"), int):
        raise ValueError(f"{str(folder)!r} does not say how its optimizer was trained. Choose another --runs.")
    if {"size": 64, **trained["problem_options"]} != options:
        raise ValueError(
            f"{str(folder)!r} holds an optimizer that was trained on {trained['problem_options']}. Choose another "
            f"--runs, or compare it with --optimizer. Received: {options}."
        )
    return trained["epochs"]
