"""Results that a page shows as they stand in the repository, so that they are written once and are never older there.

A page has the lines

    % results: results/zoo/table.md
    % otherwise: They are made by `python -m experiments zoo`.

In their place comes the file, its headings two levels lower, below the picture `figure.png` of its folder where there
is one; or, where there is no such file, the second line's words.
"""

import os
import re
from pathlib import Path

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
_MARK = re.compile(r"^% results: (\S+)\n% otherwise: (.*)$", re.MULTILINE)


def shown(text: str, folder: Path, root: Path = ROOT) -> tuple[str, list[Path]]:
    """The Markdown of a page in `folder` with the results in it, and the files that it depends on."""
    files: list[Path] = []

    def results(found: re.Match) -> str:
        table = root / found[1]
        picture = table.with_name("figure.png")
        files.extend((table, picture))
        if not table.exists():
            return found[2]
        body = re.sub(r"^#", "###", table.read_text().strip(), flags=re.MULTILINE)
        if not picture.exists():
            return body
        return f"![{_plain(body)}]({os.path.relpath(picture, folder)})\n\n{body}"

    return _MARK.sub(results, text), files


def _plain(body: str) -> str:
    """The first line, for who cannot see the picture."""
    return body.partition("\n")[0].strip("# ").replace("[", "").replace("]", "")


def _read(app, page: str, source: list[str]) -> None:
    source[0], files = shown(source[0], (DOCS / page).parent)
    for file in files:
        app.env.note_dependency(file)


def setup(app):
    app.connect("source-read", _read, priority=400)  # Before `repository` looks at links.
    return {"parallel_read_safe": True}
