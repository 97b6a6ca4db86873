"""The architecture picture: what calls what, drawn from the table in `tests/test_wings.py` that imports are held to.

    python docs/pictures/wings.py    # writes docs/pictures/wings.svg; a test compares the two

An arrow is an import that the table allows and that no other way of arrows says already. A wing stands as high as the
longest way down from it. What a wing is for, and its column, stand in `WINGS`.
"""

import html
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_suffix(".svg")


class Wing(NamedTuple):
    """A box: its column (0 to 2), what the wing is for, in one line, and the file or name to begin with."""

    column: int
    what: str
    begin: str


WINGS = {
    "problems": Wing(1, "what is minimised, and its data", "problem.py, table.py"),
    "networks": Wing(1, "rules: from gradients to updates", "network.py, catalogue.py"),
    "unrolling": Wing(1, "the heart: roll out, replay", "unroll.py"),
    "fast": Wing(1, "the same, in native code", "outer_gradient.py"),
    "saving": Wing(2, "the folder of an optimizer", "saved_optimizer.py"),
    "estimators": Wing(0, "outer gradients", "estimator.py"),
    "pretrained": Wing(2, "rules that come along", "a folder and a card each"),
    "evaluation": Wing(1, "curves, tuned baselines, tables", "evaluator.py, comparison.py"),
    "deployment": Wing(2, "Keras optimizer, SavedModel", "keras_optimizer.py"),
    "training": Wing(0, "many steps on φ, checkpoints", "meta.py, loop.py"),
    "commands": Wing(1, "flags, messages, exit codes", "train.py, evaluate.py"),
}
# Who comes in from outside: what they write, where, and the wing that answers.
DOORS = {
    "training": ("MetaOptimizer(...)", "in your Python"),
    "commands": ("l2l-train, l2l-evaluate", "and experiments/, benchmarks/"),
    "deployment": ("LearnedOptimizer(...)", "in your Keras program"),
}

WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 216, 62, 258, 92, 16
COLOURS = {"meets": "#e3effb", "kept": "#fdeed7", "used": "#e4f4e4"}
KIND = {
    **dict.fromkeys(("problems", "networks", "unrolling", "fast", "estimators"), "meets"),
    **dict.fromkeys(("saving", "pretrained"), "kept"),
    **dict.fromkeys(("evaluation", "training", "deployment", "commands"), "used"),
}


def reachable(allowed: Mapping[str, set[str]], wing: str) -> set[str]:
    """What arrows lead to from a wing, in one or more steps."""
    found: set[str] = set()
    for below in allowed[wing]:
        found |= {below} | reachable(allowed, below)
    return found


def arrows(allowed: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The imports that are left where those are taken away that a longer way leads to as well."""
    return {
        wing: {other for other in below if not any(other in reachable(allowed, between) for between in below)}
        for wing, below in allowed.items()
    }


def level(allowed: Mapping[str, set[str]], wing: str) -> int:
    return 1 + max((level(allowed, below) for below in allowed[wing]), default=-1)


def exceptions(allowed: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Wing to those that arrows lead to and that it may not import all the same."""
    return {wing: rest for wing in allowed if (rest := reachable(allowed, wing) - allowed[wing])}


def svg(allowed: Mapping[str, set[str]]) -> str:
    """The picture.

    Raises:
      KeyError: a wing that `WINGS` does not describe.
    """
    top = 1 + max(level(allowed, wing) for wing in allowed)
    total = [2 * MARGIN + 2 * ACROSS + WIDTH, 2 * MARGIN + top * DOWN + HEIGHT + 44]
    places = {wing: _place(WINGS[wing].column, top - level(allowed, wing)) for wing in allowed}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]} {total[1]}" '
        'font-family="system-ui, sans-serif" font-size="12" text-anchor="middle">',
        f"<title>What calls what: {html.escape(', '.join(allowed))}</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#667"/></marker></defs>',
        f'<rect width="{total[0]}" height="{total[1]}" rx="8" fill="#fff"/>',
    ]
    for wing, below in arrows(allowed).items():
        lines += [_arrow(places[wing], places[other]) for other in sorted(below)]
    for wing, (words, where) in DOORS.items():
        place = _place(WINGS[wing].column, 0)
        lines += [_arrow(place, places[wing], dashed=True), *_box(place, words, [where], "#f4f4f4")]
    for wing, place in places.items():
        lines += _box(place, wing + "/", [WINGS[wing].what, WINGS[wing].begin], COLOURS[KIND[wing]])
    lines += [
        f'<text x="{total[0] / 2}" y="{total[1] - 34 + 17 * row}" fill="#334">{html.escape(text)}</text>'
        for row, text in enumerate(_notes(allowed))
    ]
    return "\n".join([*lines, "</svg>", ""])


def _notes(allowed: Mapping[str, set[str]]) -> Iterator[str]:
    yield "A wing may import what its arrows lead to, over other wings too; nothing imports upwards."
    by_what: dict[tuple[str, ...], list[str]] = {}
    for wing, rest in exceptions(allowed).items():
        by_what.setdefault(tuple(sorted(rest)), []).append(wing)
    said = [f"{', '.join(wings)}: not {', '.join(rest)}" for rest, wings in by_what.items()]
    if said:
        yield f"But {'; '.join(said)}."


def _place(column: int, row: int) -> tuple[int, int]:
    """Where a box has its upper left corner."""
    return MARGIN + column * ACROSS, MARGIN + row * DOWN


def _box(place: tuple[int, int], head: str, lines: list[str], colour: str) -> Iterator[str]:
    x, y = place
    middle = x + WIDTH / 2
    yield f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{colour}" stroke="#889"/>'
    yield f'<text x="{middle}" y="{y + 19}" font-weight="600" font-size="14" fill="#112">{html.escape(head)}</text>'
    for row, text in enumerate(lines):
        style = 'font-family="monospace" font-size="11" fill="#445"' if row else 'fill="#223"'
        yield f'<text x="{middle}" y="{y + 37 + 16 * row}" {style}>{html.escape(text)}</text>'


def _arrow(start: tuple[int, int], end: tuple[int, int], dashed: bool = False) -> str:
    """From the lower edge of one box to the upper edge of another, apart where they come from the side."""
    aside = (start[0] > end[0]) - (start[0] < end[0])
    x, y, across, down = start[0] + WIDTH / 2, start[1] + HEIGHT, end[0] + WIDTH / 2, end[1] - 2
    x, across = x - 95 * aside, across + 95 * aside
    style = ' stroke-dasharray="4 4"' if dashed else ""
    line = f'x1="{x:g}" y1="{y:g}" x2="{across:g}" y2="{down:g}"'
    return f'<line {line} stroke="#667" stroke-width="1.4" marker-end="url(#tip)"{style}/>'


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from tests.test_wings import ALLOWED

    FILE.write_text(svg(ALLOWED))
    print(f"Written: {FILE.relative_to(ROOT)}")
