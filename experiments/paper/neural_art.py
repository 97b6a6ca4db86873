"""Neural art (Andrychowicz et al. 2016, section 3.4, figures 8 and 9): a learned optimizer paints.

`--content` names a folder for the experiment, or a picture of your own to style.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.paper import neural_art_experiment
from experiments.paper.neural_art_flags import FLAGS, NAME, SIZES, problem_options
from experiments.shared import comparing
from l2l_tf import pretrained
from l2l_tf.commands import command_line
from l2l_tf.evaluation import figures
from l2l_tf.saving import files, saved_optimizer
from problems import catalogue, option_values, pictures

DESCRIPTION = """Neural art: an image with the content of a photograph and the style of a painting.

  python -m experiments neural_art --content=photo.jpg --style=painting.jpg

styles a picture with a learned optimizer. With a folder of photographs it is the experiment of the paper: trains
(resumable), tunes the hand-designed optimizers on validation photographs, and compares all on test photographs at
64 x 64 with the style of the training, then at 128 x 128 with --held_out_style.

  python -m experiments neural_art --content=FOLDER --style=painting.jpg --held_out_style=another.jpg

Names of files may hold environment variables ('$NAME' in quotes), so that results name no folder of this machine."""


def main():
    if not FLAGS.content or not FLAGS.style:
        raise ValueError("--content and --style are needed: a picture or a folder of photographs, and a painting.")
    content = pictures.expand(FLAGS.content)
    for style in filter(None, (FLAGS.style, FLAGS.held_out_style)):
        if pictures.expand(style).is_dir():
            raise ValueError(f"A style is one painting. Received the folder {style!r}.")
        catalogue.check_files(NAME, problem_options(style, FLAGS.size, "all"))
    if not 0 <= FLAGS.adam_learning_rate <= option_values.LARGEST:
        raise ValueError(
            f"--adam_learning_rate is a number of 0 to {option_values.LARGEST:g}. Received: {FLAGS.adam_learning_rate}."
        )
    if unknown := [size for size in FLAGS.sizes if size not in SIZES]:
        raise ValueError(f"--sizes are of {SIZES}. Received: {unknown}.")
    for path in FLAGS.optimizer or []:
        saved_optimizer.read(pretrained.folder(path))
    if content.is_dir():
        parts = neural_art_experiment.parts_from_flags()
        for part in parts:
            comparing.check_results(part.folder)
            files.check(neural_art_experiment.grid_file(part))
        command_line.import_tensorflow()
        neural_art_experiment.experiment(parts)
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

    problem: Any = problems.get(NAME, **problem_options(FLAGS.style, list(shape), "all"))
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
        stylise.write_grid(FLAGS.style, [(ours, other)], FLAGS.grid)
    if FLAGS.show:
        from PIL import Image

        Image.fromarray(ours.image).show()


def _styled() -> str:
    return FLAGS.output or "styled.png"


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
