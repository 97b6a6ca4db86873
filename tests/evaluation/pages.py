"""What the tests of the report page share: comparisons with names that are markup, and a reader of HTML."""

from html.parser import HTMLParser

import numpy as np

from l2l_tf.evaluation.evaluator import Curves
from l2l_tf.evaluation.report import Result

MARKUP = """<img src=x onerror="alert(1)">&amp;'</script>"""
ABOUT = {
    "command": f"python evaluate.py --path='{MARKUP}'",
    "seed": 7,
    "date": "2026-11-26T10:00:00+00:00",
    "problem": "quadratic",
    "problem_options": {"num_dims": 2, "note": MARKUP},
    "num_steps": 20,
    "num_draws": 5,
    "versions": {"python": "3.11.7"},
}
RATES = [(0.01, 0.9), (0.1, 0.4), (1.0, 0.5), (10.0, None)]


def search(chosen=0.1):
    trials = [
        {"learning_rate": rate, "mean_final_loss": mean, "median_final_loss": mean, "num_draws": 10}
        for rate, mean in RATES
    ]
    return {"learning_rate": chosen, "trials": trials, "safety_tests": [], "interior": True, "safe": True}


def results(steps=20, draws=5):
    """Three optimizers: one learned, one with markup for a name and a search, one that diverges."""
    random = np.random.default_rng(0)
    along = np.arange(steps + 1)
    noise = random.uniform(0.9, 1.1, size=(3, draws, steps + 1))
    losses = [2 * 0.8**along * noise[0], 2 * 0.9**along * noise[1], 2 * 3.0**along * noise[2]]
    losses[2][:, -2:] = np.nan
    held_out_steps = (steps // 2, steps)
    held_out = [{"test": run[:, held_out_steps] * 1.5} for run in losses]
    seconds = (0.4, 0.1, 0.2)
    curves = [
        Curves(run.astype(np.float32), held, held_out_steps, np.full(draws, second))
        for run, held, second in zip(losses, held_out, seconds, strict=True)
    ]
    return [
        Result("L2L", curves[0], True),
        Result(MARKUP, curves[1], False, 0.1, {"tuning": search()}),
        Result("SGD", curves[2], False, 3.0),
    ]


class Element:
    def __init__(self, tag, attributes):
        self.tag, self.attributes, self.text = tag, attributes, ""

    def __getitem__(self, name):
        return self.attributes[name]


class _Reader(HTMLParser):
    """All elements, each with the text directly and further inside of it."""

    VOID = ("meta", "link", "img", "br", "input")

    def __init__(self):
        super().__init__()
        self.elements, self._open = [], []

    def handle_starttag(self, tag, attributes):
        self.elements.append(Element(tag, dict(attributes)))
        if tag not in self.VOID:
            self._open.append(self.elements[-1])

    def handle_endtag(self, tag):
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, text):
        for element in self._open:
            element.text += text


def elements(page, tag=None, **attributes):
    """The elements of a page of that tag and with those attributes, `class_` for one."""
    reader = _Reader()
    reader.feed(page)
    wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
    return [
        element
        for element in reader.elements
        if tag in (None, element.tag) and wanted.items() <= element.attributes.items()
    ]
