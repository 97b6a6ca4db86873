"""Pages that stand elsewhere in the repository, and links that leave `docs/`.

What `mirrored_pages` names is copied to its place in `docs/` before the build (git ignores it there). A link to a file
of the repository becomes a link to its page where it has one, and otherwise the path as code, as a site has no such
files. A link to a file that is not there is a warning, which fails the build.
"""

import os
import re
from pathlib import Path

from sphinx.util import logging

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
NOTE = "<!-- A copy of {file} that the build of the site makes: change that one. -->\n"
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_EXTERNAL = re.compile(r"[a-z]+:|#")
_logger = logging.getLogger(__name__)


def rewritten(text: str, folder: Path, page: str, mirrored: dict[str, str]) -> tuple[str, list[str]]:
    """The Markdown of a file in `folder` as that of the page, and the links that lead nowhere."""
    missing = []
    here = DOCS / page

    def link(found: re.Match) -> str:
        picture, words, target, anchor = found.groups()
        if _EXTERNAL.match(target):
            return found[0]
        file = (folder / target).resolve()
        if not file.exists():
            missing.append(target)
            return found[0]
        name = file.relative_to(ROOT).as_posix()
        if name in mirrored:
            file = DOCS / f"{mirrored[name]}.md"
        if file.is_relative_to(DOCS) or picture:
            return f"{picture}[{words}]({os.path.relpath(file, here.parent)}{anchor or ''})"
        return f"{words} (`{name}`)" if words.strip("`/") not in name else f"`{name}`"

    return _LINK.sub(link, text), missing


def _mirror(app) -> None:
    for file, page in app.config.mirrored_pages.items():
        source = ROOT / file
        text, missing = rewritten(source.read_text(), source.parent, page, app.config.mirrored_pages)
        for target in missing:
            _logger.warning("%s links to %s, which is not there", file, target)
        copy = DOCS / f"{page}.md"
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists() or copy.read_text() != NOTE.format(file=file) + text:
            copy.write_text(NOTE.format(file=file) + text)


def _read(app, page: str, source: list[str]) -> None:
    if page in app.config.mirrored_pages.values():
        return
    folder = (DOCS / page).parent
    source[0], missing = rewritten(source[0], folder, page, app.config.mirrored_pages)
    for target in missing:
        _logger.warning("%s.md links to %s, which is not there", page, target, location=page)


def setup(app):
    app.add_config_value("mirrored_pages", {}, "env")
    app.connect("config-inited", lambda app, config: _mirror(app))
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
