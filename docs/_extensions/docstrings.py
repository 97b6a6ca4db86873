"""Docstrings as reStructuredText: an indented block after a blank line is code, shown as it stands.

And a bar outside of code, as in |theta|, is a bar.
"""

import re
from collections.abc import Iterator

_CODE_OR_BAR = re.compile(r"`[^`]*`|\|")


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def with_literal_blocks(lines: list[str]) -> Iterator[str]:
    """The lines, with `::` before each block that is indented further than the paragraph before the blank line."""
    base, blank, within = 0, False, False
    for line in lines:
        if not line.strip():
            blank = True
            yield line
            continue
        depth = indentation(line)
        if within and depth <= base:
            within = False
        if not within and blank and depth > base:
            within = True
            yield from [" " * base + "::", ""]
        if not within:
            base = depth
            line = _CODE_OR_BAR.sub(lambda found: r"\|" if found[0] == "|" else found[0], line)
        blank = False
        yield line


def _process(app, what, name, obj, options, lines: list[str]) -> None:
    lines[:] = with_literal_blocks(lines)


def setup(app):
    # Before napoleon, which moves the sections.
    app.connect("autodoc-process-docstring", _process, priority=100)
    return {"parallel_read_safe": True}
