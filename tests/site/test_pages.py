"""The commands of the site's pages name flags that there are, and its links lead somewhere."""

import os
import re
import subprocess
import sys

import pytest

from tests.site import blocks
from tests.site.blocks import DOCS, ROOT

_COMMAND = re.compile(r"^(?:python (train|evaluate)\.py|l2l-(train|evaluate)) ((?:.*\\\n)*.*)$", re.MULTILINE)


PAGES = {name: page for name, page in blocks.pages().items() if name != "README.md"}
COMMANDS = [(name, *found.groups()) for name, page in PAGES.items() for found in _COMMAND.finditer(page.read_text())]


@pytest.mark.parametrize("name, script, installed, line", COMMANDS)
def test_commands_name_flags_that_are_there(name, script, installed, line):
    helped = help_of(script or installed)
    flags = re.findall(r"(?:^|\s)(--\w+)", line)
    assert flags
    for flag in flags:
        bare = flag.removeprefix("--no") if f"--[no]{flag.removeprefix('--no')}" in helped else flag.removeprefix("--")
        assert re.search(rf"--(\[no\])?{re.escape(bare)}\b", helped), f"{name}: {flag}"


_HELP = {}


def help_of(command):
    if command not in _HELP:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, str(ROOT / f"{command}.py"), "--help"], env=environment, capture_output=True, text=True
        )
        _HELP[command] = run.stdout
    return _HELP[command]


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    page = PAGES[name]
    mirrored = {DOCS / "understand" / "claims.md": ROOT / "results" / "claims.md"}
    for target in re.findall(r"\]\((?!https?:|#)([^)\s#]+)", page.read_text()):
        file = (page.parent / target).resolve()
        if file.parent == DOCS / "use" / "cards":
            file = ROOT / "l2l_tf" / "pretrained" / file.stem / "README.md"
        assert mirrored.get(file, file).exists(), target


def test_every_page_is_in_the_table_of_contents():
    listed = set()
    for page in PAGES.values():
        for toctree in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            lines = [line for line in toctree.split("\n") if line and not line.startswith(":")]
            entries = [re.sub(r"^.* <(.*)>$", r"\1", line) for line in lines]  # A title may stand before a page.
            listed |= {(page.parent / f"{entry}.md").relative_to(DOCS).as_posix() for entry in entries}
    assert set(PAGES) - {"index.md"} <= listed
