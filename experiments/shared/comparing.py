"""A part of a study: tunes the baselines, compares all on fresh draws, and writes down what came out."""

import time
from pathlib import Path
from typing import Any

from experiments.shared import contenders, tables
from experiments.shared.study import EVALUATION_SEED, TUNING, TUNING_SEED, Part, Request
from l2l_tf.evaluation import baselines, figures, report, report_page
from l2l_tf.evaluation.tuning_cache import TuningCache
from l2l_tf.saving import files
from l2l_tf.saving.provenance import provenance


def check_results(folder: Path) -> None:
    """Checks that a comparison can be written to `folder`, and reads the searches that are there.

    Raises:
      OSError, ValueError: it cannot, or they are damaged.
    """
    for file in (*report.FILES, "figure.png", report_page.FILE, TUNING):
        files.check(folder / file)
    TuningCache(folder / TUNING)


def run_part(request: Request, part: Part) -> list[report.Result]:
    """One comparison: prints its table and writes its folder."""
    import problems
    from experiments.shared.unfinished import FOLDER, Unfinished
    from l2l_tf.evaluation import comparison
    from l2l_tf.evaluation.tuning import Grid

    study = request.study
    began, origin = time.perf_counter(), provenance(EVALUATION_SEED)
    print(f"\n{part.title}", flush=True)
    problem = problems.get(part.problem, **part.options, **request.data)
    splits = list(dict.fromkeys([*filter(None, [part.split]), *part.splits]))
    folder = request.output / part.name
    if request.given:
        entered = [*contenders.given(part.learned, request.given, problem)]
    else:
        entered = [*contenders.trained(part.learned, request.parent, study.seeds, problem)]
    cache = TuningCache(folder / TUNING)
    for name in study.baselines:
        network = baselines.NETWORKS[name]
        if name in part.rates:
            entered += [comparison.classic(f"{name}, {rate:g}", network, rate) for rate in part.rates[name]]
            continue
        grid = Grid(*study.grids[name]) if name in study.grids else None
        entered.append(
            comparison.tuned(name, network, problem, part.num_steps, study.tuning_draws, TUNING_SEED, cache, grid=grid)
        )
        remarks = " ".join(report.tuning_caveats(name, entered[-1].details))
        print(f"{name}: learning rate {entered[-1].learning_rate:g}", remarks, flush=True)
    results = []
    runs_of_all = (part.num_steps, study.num_draws, EVALUATION_SEED, splits)
    what = {"problem": part.problem, "options": part.options, "runs": runs_of_all, "measured_at": part.measured_at}
    unfinished = Unfinished(folder / FOLDER, what)
    for contender in entered:
        curves = unfinished.find(contender)
        if curves is None:
            curves = comparison.run(problem, contender, *runs_of_all, held_out_steps=part.measured_at).curves
            unfinished.add(contender, curves)
        result = report.Result(contender.name, curves, contender.learned, contender.learning_rate, contender.details)
        print(f"{result.name}: {report.plus_minus(report.interval(result.curves.final(part.split)))}", flush=True)
        results.append(result)
    about = {
        **origin,
        "title": part.title,
        "split": part.split,
        "problem": part.problem,
        "problem_options": part.options,
        "num_steps": part.num_steps,
        "num_draws": study.num_draws,
        "seconds": round(time.perf_counter() - began, 1),
    }
    table = tables.table(results, part.split, part.last)
    report.write(results, about, folder, f"{part.title}\n\n{table}\n\n{_how(request, part, about)}\n")
    rows = tables.rows(results, part.split, part.last)
    report_page.write(folder / report_page.FILE, tables.compared(results), about, part.title, rows, part.split)
    for file in ("figure.png", *(["figure-by-time.png"] if part.by_time else [])):
        plot = tables.figure(results, part.title, part.split, by_time="time" in file)
        figures.write(plot, folder / file)
    unfinished.finish()
    print(f"\n{table}\nWritten: {folder}", flush=True)
    return results


def _how(request: Request, part: Part, about: dict[str, Any]) -> str:
    loss = f"{part.split} loss" if part.split else "loss"
    rates = (
        f"Learning rates were searched for that step ({TUNING}; draws for each rate: {request.study.tuning_draws})."
        if not part.rates
        else "Learning rates were given, not searched for that step."
    )
    return (
        f"Means over {request.study.num_draws} fresh draws, the same for all, with 95 % intervals: the {loss} after "
        f"{part.num_steps} steps. {rates} `{about['command']}`; commit, date, machine and time are in results.json."
    )
