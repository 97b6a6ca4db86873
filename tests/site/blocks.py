"""The Python of a page, with the marks in the lines above a block. Readers of the page do not see marks.

    % shortened: OLD -> NEW     what the test runs in the place of OLD, as the block takes long
    % given: CODE               a line that the test runs before the block
    % needs: MODULE             an extra: without it the page is skipped
    % not run: REASON           why nothing can run the block here

In README.md, where `%` would be seen, a mark stands in `<!-- -->`.
"""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Made by the build of the site, from files that stand elsewhere.
MIRRORED = (DOCS / "use" / "cards", DOCS / "understand" / "claims.md")

_BLOCK = re.compile(r"((?:^(?:% |<!-- )[^\n]*\n)*)^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"^(?:% |<!-- )(shortened|given|needs|not run): (.*?)(?: -->)?$", re.MULTILINE)


class Block(NamedTuple):
    """`code` is as the page has it; of each kind of mark all that stand above it."""

    code: str
    marks: dict[str, list[str]]

    def program(self) -> str:
        """What the test runs; nothing where the block is marked as not to be run."""
        if self.marks["not run"]:
            return ""
        code = self.code
        for change in self.marks["shortened"]:
            old, new = change.split(" -> ")
            assert old in code, f"{old!r} is not in the block that it shortens"
            code = code.replace(old, new)
        return "\n".join([*self.marks["given"], code])


def pages() -> dict[str, Path]:
    """Name to file: README.md and the pages of the site that git has."""
    found = sorted(page for page in DOCS.rglob("*.md") if not any(page.is_relative_to(other) for other in MIRRORED))
    return {"README.md": ROOT / "README.md", **{page.relative_to(DOCS).as_posix(): page for page in found}}


def blocks(text: str) -> list[Block]:
    """Those of a page, in order."""
    found = []
    for above, code in _BLOCK.findall(text):
        marks: dict[str, list[str]] = {"shortened": [], "given": [], "needs": [], "not run": []}
        for kind, what in _MARK.findall(above):
            marks[kind].append(what)
        found.append(Block(code, marks))
    return found
