"""Judges update rules on ordinary Keras models that they were not trained for.

    python -m benchmarks.keras_zoo --rules mnist_adafactor mnist --steps 500 --seeds 2 --output FOLDER

Against Keras's Adam, and Adam and SGD with momentum 0.9 with cosine decay at the best of 8 rates each. Every run is a
line of FOLDER/runs.jsonl as it ends: the same command goes on where it was interrupted, and baselines are run once for
all rules. Then PART-STEPS.md and PART-STEPS.json have the figures. A rule is a pretrained name, the folder of a saved
optimizer or hf://user/name.
"""

import argparse
import gc
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.keras_zoo import pages
from benchmarks.keras_zoo.records import START, Records
from l2l_tf.commands import command_line
from problems.datasets import DatasetNotPreparedError


def arguments_of(argv=None):
    """The command's arguments.

    Raises:
      SystemExit: they are not right; the reason is printed.
    """
    parser = argparse.ArgumentParser(
        "python -m benchmarks.keras_zoo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rules", nargs="*", default=[], help="rules to judge; none runs the baselines alone")
    parser.add_argument("--told", action="store_true", help="run each rule told the number of steps too")
    parser.add_argument("--output", type=Path, required=True, help="folder of runs and tables")
    parser.add_argument("--steps", type=int, default=500, help="of a run; 500 and 5,000 are what is reported")
    parser.add_argument("--seeds", type=int, default=2, help="0, 1, ...: of weights and minibatches")
    parser.add_argument("--part", choices=["choose", "report", "all"], default="all", help="choose: to develop with")
    parser.add_argument("--models", nargs="+", help="of the part, in this order; by default all")
    parser.add_argument("--data_dir", help="of TFDS; by default L2L_DATA_DIR")
    parser.add_argument("--table_only", action="store_true", help="run nothing")
    arguments = parser.parse_args(argv)
    for name in ("steps", "seeds"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} is a whole number of at least 1. Received: {getattr(arguments, name)}.")
    return arguments


def main(argv=None) -> None:
    """Runs what is missing, and writes the tables.

    Raises:
      SystemExit: what is wrong, and what to do.
    """
    try:
        _main(arguments_of(argv))
    except (ValueError, OSError, DatasetNotPreparedError) as error:
        sys.exit(f"Error: {error}")


def _main(arguments) -> None:
    if arguments.data_dir:
        os.environ["L2L_DATA_DIR"] = os.path.abspath(arguments.data_dir)
    with command_line.quiet_native_stderr():
        import tensorflow as tf

        # The models are small: what a second thread gains, waiting for it loses.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.constant(0)
    tf.get_logger().setLevel("ERROR")  # Every racer has functions of its own to trace, as it must.
    from benchmarks.keras_zoo import catalogue, contenders

    tasks = catalogue.of_part(arguments.part)
    if unknown := set(arguments.models or ()) - set(tasks):
        raise ValueError(f"The models of this part are {', '.join(tasks)}. Received: {', '.join(sorted(unknown))}.")
    tasks = {name: tasks[name] for name in (arguments.models or tasks)}
    rules = [contenders.rule(source, arguments.told, arguments.steps) for source in arguments.rules]
    families = [*contenders.baselines(), *rules]
    names = [family.runs[0].optimizer for family in families]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"Rules have names of their own, those of their folders. Received twice: {', '.join(twice)}.")
    records = Records(arguments.output)
    for name, task in tasks.items():
        if not arguments.table_only:
            _run(name, task, families, arguments, records)
    pages.write(tasks, families, arguments, records.lines)


def _run(name, task, families, arguments, records) -> None:
    """All runs of a model that are missing."""
    import keras

    from benchmarks.keras_zoo.racer import Prepared, Racer

    prepared = None
    for family in families:
        todo = [
            (run, seed)
            for run in family.runs
            for seed in range(arguments.seeds)
            if not records.has(model=name, **run._asdict(), seed=seed, steps=arguments.steps)
        ]
        if not todo:
            continue
        prepared = prepared or Prepared(task, task.data(None))
        racer = Racer(prepared, family.make)
        for seed in range(arguments.seeds):
            key = {"model": name, "optimizer": START, "version": None, "rate": None, "seed": seed, "steps": 0}
            if not records.has(**key):
                records.add(*prepared.start(seed), **key, parameters=prepared.num_parameters)
        for run, seed in todo:
            began = time.perf_counter()
            family.start(run, arguments.steps)
            outcome = racer.run(seed, arguments.steps)
            seconds = round(time.perf_counter() - began, 2)
            key = {"model": name, **run._asdict(), "seed": seed, "steps": arguments.steps}
            record = records.add(*outcome, **key, seconds=seconds)
            rate = "" if run.rate is None else f" {run.rate:g}"
            print(
                f"{name}, {run.optimizer}{rate}, seed {seed}: {record['loss']}, held out "
                f"{record.get('held_out', '-')} ({seconds} s)",
                flush=True,
            )
        del racer
    del prepared
    keras.backend.clear_session()
    gc.collect()


if __name__ == "__main__":
    main()
