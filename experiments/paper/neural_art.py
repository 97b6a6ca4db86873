"""Neural art (Andrychowicz et al. 2016, section 3.4, figures 8 and 9): a learned optimizer paints.

`--content` names a folder for the experiment, or a picture of your own to style.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from experiments.shared import comparing
from l2l_tf import presets, pretrained
from l2l_tf.commands import command_line
from l2l_tf.evaluation import figures, report, report_page
from l2l_tf.saving import files, saved_optimizer
from l2l_tf.saving.provenance import provenance
from l2l_tf.training import checkpoint
from problems import catalogue, option_values, pictures

DESCRIPTION = """Neural art: an image with the content of a photograph and the style of a painting.

  python -m experiments neural_art --content=photo.jpg --style=painting.jpg

styles a picture with a learned optimizer. With a folder of photographs it is the experiment of the paper: trains
(resumable), tunes the hand-designed optimizers on validation photographs, and compares all on test photographs at
64 x 64 with the style of the training, then at 128 x 128 with --held_out_style.

  python -m experiments neural_art --content=FOLDER --style=painting.jpg --held_out_style=another.jpg

Names of files may hold environment variables ('$NAME' in quotes), so that results name no folder of this machine."""

FLAGS = flags.FlagValues()
NAME = "neural_art"
_SIZES = ["64", "128"]
_MOST = option_values.LARGEST_COUNT
CLASSICS = {"SGD": "Sgd", "RMSprop": "RMSProp", "NAG": "Nesterov", "Adam": "Adam"}
_PICTURED = 4  # rows of a grid
_ROOT = Path(__file__).parents[2]


def _define(kind, name, help_text, default=None, **limits):
    kind(name=name, default=default, help=help_text, flag_values=FLAGS, **limits)


_define(flags.DEFINE_string, "content", "A picture to style, or a folder of photographs (required).")
_define(flags.DEFINE_string, "style", "A painting (required).")
_define(flags.DEFINE_string, "held_out_style", "A painting that the optimizer was not trained on.")
_define(
    flags.DEFINE_string,
    "vgg_weights",
    "A file with VGG-19's weights, or imagenet: Keras fetches them.",
    pictures.IMAGENET,
)
_define(
    flags.DEFINE_list,
    "optimizer",
    "Folder of a saved optimizer, or several. By default the pretrained one, for a picture; in the experiment those "
    "that it trains itself.",
)
_define(flags.DEFINE_integer, "num_steps", "Steps of each run.", 128, lower_bound=1, upper_bound=_MOST)
_define(
    flags.DEFINE_string, "output", "The styled picture (styled.png), or the experiment's folder (results/neural_art)."
)
_define(
    flags.DEFINE_integer, "size", "Of a picture of your own: the longer side.", 256, lower_bound=16, upper_bound=16_384
)
_define(flags.DEFINE_bool, "show", "Open the styled picture in a viewer.", False)
_define(flags.DEFINE_string, "grid", "File for pictures side by side: content, style, ours, Adam's.")
_define(flags.DEFINE_float, "adam_learning_rate", "Adam's in the grid of a picture of your own.", 0.3, lower_bound=0)
_define(flags.DEFINE_string, "runs", "Folder of the experiment's trainings.", "runs")
_define(flags.DEFINE_integer, "seeds", "Trainings of the experiment.", 2, lower_bound=1, upper_bound=_MOST)
_define(flags.DEFINE_integer, "num_draws", "Test photographs drawn.", 20, lower_bound=1, upper_bound=_MOST)
_define(
    flags.DEFINE_integer,
    "tuning_draws",
    "Validation photographs drawn for each learning rate.",
    2,
    lower_bound=1,
    upper_bound=_MOST,
)
_define(flags.DEFINE_list, "sizes", "Parts of the experiment: 64 has the training's style, 128 the other.", _SIZES)
_define(flags.DEFINE_bool, "quick", "The experiment in miniature, to see it run.", False)
_define(flags.DEFINE_integer, "seed", "Root of all random draws.", 1_000_000, lower_bound=0, upper_bound=2**62 - 1)
_define(flags.DEFINE_bool, "debug", "Show the traceback of every error.", False)


class Part(NamedTuple):
    """A comparison: the folder of its results, the size of the images, and the style."""

    folder: Path
    size: int
    style: str


def main():
    if not FLAGS.content or not FLAGS.style:
        raise ValueError("--content and --style are needed: a picture or a folder of photographs, and a painting.")
    content = pictures.expand(FLAGS.content)
    for style in filter(None, (FLAGS.style, FLAGS.held_out_style)):
        if pictures.expand(style).is_dir():
            raise ValueError(f"A style is one painting. Received the folder {style!r}.")
        catalogue.check_files(NAME, _options(style, FLAGS.size, "all"))
    if not 0 <= FLAGS.adam_learning_rate <= option_values.LARGEST:
        raise ValueError(
            f"--adam_learning_rate is a number of 0 to {option_values.LARGEST:g}. Received: {FLAGS.adam_learning_rate}."
        )
    if unknown := [size for size in FLAGS.sizes if size not in _SIZES]:
        raise ValueError(f"--sizes are of {_SIZES}. Received: {unknown}.")
    for path in FLAGS.optimizer or []:
        saved_optimizer.read(pretrained.folder(path))
    if content.is_dir():
        parts = _parts()
        for part in parts:
            comparing.check_results(part.folder)
            files.check(_grid(part))
        command_line.import_tensorflow()
        experiment(parts)
    else:
        folder = pretrained.folder(FLAGS.optimizer[0]) if FLAGS.optimizer else _pretrained()
        shape = _shape(content)
        pictures.check_path(_styled())
        files.check(_styled())
        if FLAGS.grid:
            figures.check_path(FLAGS.grid)
            files.check(FLAGS.grid)
        command_line.import_tensorflow()
        style_picture(folder, shape)


def style_picture(folder: Path, shape: Sequence[int]) -> None:
    """Styles the picture of `--content` with the optimizer saved in `folder`."""
    import tqdm

    import problems
    from experiments.paper import stylise
    from l2l_tf.evaluation import comparison

    problem: Any = problems.get(NAME, **_options(FLAGS.style, list(shape), "all"))
    contender = comparison.saved("learned", folder, problem)
    with tqdm.tqdm(total=FLAGS.num_steps, unit="step", disable=None) as bar:

        def follow(step, loss):
            bar.set_postfix_str(f"loss {loss:.4f}")
            bar.update(step - bar.n)

        ours = stylise.Painter(problem, contender.network)(FLAGS.num_steps, FLAGS.seed, on_piece=follow)
    path = _styled()
    pictures.write(ours.image, path)
    print(f"Loss {ours.losses[0]:.4f} to {ours.losses[-1]:.4f} in {FLAGS.num_steps} steps. Styled picture: {path}")
    if FLAGS.grid:
        adam = comparison.classic("Adam", "Adam", FLAGS.adam_learning_rate)
        other = stylise.Painter(problem, adam.network)(FLAGS.num_steps, FLAGS.seed)
        _write_grid(FLAGS.style, [(ours, other)], FLAGS.grid)
    if FLAGS.show:
        from PIL import Image

        Image.fromarray(ours.image).show()


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

    test: Any = problems.get(NAME, **_options(part.style, part.size, "test"))
    validation = problems.get(NAME, **_options(part.style, part.size, "validation"))
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
    _write_grid(part.style, rows, _grid(part))


def _grid(part: Part) -> Path:
    return _runs() / f"{part.folder.name}.png"


def _styled() -> str:
    return FLAGS.output or "styled.png"


def _parts() -> list[Part]:
    sizes = {"64": 16, "128": 20} if FLAGS.quick else {"64": 64, "128": 128}
    if "128" in FLAGS.sizes and not FLAGS.held_out_style:
        raise ValueError("--held_out_style is needed for the part at 128 x 128; --sizes=64 leaves that out.")
    styles = {"64": FLAGS.style, "128": FLAGS.held_out_style}
    folder = FLAGS.output or ("runs/quick/results/neural_art" if FLAGS.quick else "results/neural_art")
    return [Part(Path(f"{folder}-{size}"), sizes[size], styles[size]) for size in FLAGS.sizes]


def _trained() -> Iterator[tuple[str, Path]]:
    """The optimizers of all seeds, name and folder, each trained first where it is not, or not to the end."""
    options = _options(FLAGS.style, 16 if FLAGS.quick else 64, "train")
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


def _options(style: str, size: Any, split: str) -> dict[str, Any]:
    return {
        "content": FLAGS.content,
        "style": style,
        "vgg_weights": FLAGS.vgg_weights,
        "size": size,
        **({"split": split} if split != "train" else {}),
    }


def _write_grid(style: str, rows: Sequence[tuple[Any, Any]], path: str | Path) -> None:
    from experiments.paper import stylise

    (file,) = pictures.find("style", style, "all")
    painting = pictures.read(file, *rows[0][0].content.shape[:2])
    cells = [[ours.content, painting, ours.image, adam.image] for ours, adam in rows]
    captions = [["", "", *(f"loss {run.losses[-1]:.4f}" for run in pair)] for pair in rows]
    steps = len(rows[0][0].losses) - 1
    columns = ["content", "style", f"learned, {steps} steps", f"Adam, {steps} steps"]
    figures.write(stylise.grid(columns, cells, captions), path)
    print(f"Pictures: {path}")


def _shape(content: Path) -> tuple[int, int]:
    height, width = pictures.shape(content)
    scale = FLAGS.size / max(height, width)
    return max(16, round(height * scale / 4) * 4), max(16, round(width * scale / 4) * 4)


def _pretrained() -> Path:
    if NAME not in pretrained.names():
        raise ValueError(
            f"There is no pretrained optimizer {NAME!r} yet: name the folder of a trained one with --optimizer."
        )
    return pretrained.path(NAME)


if __name__ == "__main__":
    command_line.run(main, FLAGS, DESCRIPTION)
