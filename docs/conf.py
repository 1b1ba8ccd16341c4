"""The documentation site, by Sphinx. Its sources lie where they lie in the tree, so that links hold in both.

From the root:  pip install -e '.[docs]' && sphinx-build -W --keep-going -j auto -c docs . site
Nothing is fetched, neither when it is built nor when it is read; ``python -m tests.site site`` checks that.
"""

from __future__ import annotations

import re
import shutil
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from pygments.lexers.special import TextLexer

from weft.cli import root

ROOT = Path(__file__).parents[1]
CONTENTS = ROOT / "docs/README.md"
"""Lists every page in sections; the site's contents are made of it."""
BELOW = {"docs/decisions/README": "[0-9]*", "labs/README": "*/README"}
"""Pages with others below them, and which."""
FIELD = re.compile(r"[a-z]\w*(?:, \w+)*: ")
COMMANDS = "docs/reference/command-line"
LINE = "\n"

project = "weft"
copyright = "the authors of weft. Licence: Apache-2.0"
root_doc = "README"
include_patterns = [
    "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/**.md", "labs/README.md", "labs/*/README.md",
    "weft/samples/README.md",
]  # fmt: skip
exclude_patterns = [".*", "site", "build", "dist", "compiler", "framework", "isa", "reports", "rtl", "sim"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]

myst_heading_anchors = 4

autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = "weft"
html_copy_source = False
html_use_index = False  # the search finds names
html_domain_indices = False
html_show_sphinx = False
pygments_style = "friendly"


def sections() -> list[tuple[str, list[str]]]:
    """The titles of the contents, each with its pages, as a tree of Sphinx names them."""
    _, *pieces = re.split(r"^## (.+)\n", CONTENTS.read_text(encoding="utf-8"), flags=re.M)
    found = []
    for title, text in zip(pieces[::2], pieces[1::2], strict=True):
        links = re.findall(r"^- \[([^\]]*)\]\(([^)#]+)\.md\)", text, re.M)
        places = [(name, (CONTENTS.parent / link).resolve().relative_to(ROOT)) for name, link in links]
        found.append((title, [f"{name} </{place}>" for name, place in places]))
    return found


def contents(page: str) -> str:
    """Hidden trees: all sections for the first page; for two others the pages below them."""
    trees = [(":caption: Contents", ["/docs/README"])]
    trees += [(f":caption: {title}", pages) for title, pages in sections()]
    if page != root_doc:
        trees = [(":glob:", [BELOW[page]])] if page in BELOW else []
    return "".join(f"\n```{{toctree}}\n:hidden:\n{option}\n\n{LINE.join(pages)}\n```\n" for option, pages in trees)


def commands() -> str:
    """What ``--help`` of weft and of every verb prints."""
    parts = []
    with click.Context(root, info_name="weft", max_content_width=100) as top:
        for verb in ("", *root.list_commands(top)):
            command = root.get_command(top, verb) if verb else root
            context = click.Context(command, info_name=verb, parent=top, max_content_width=100) if verb else top
            parts.append(f"\n## {'weft ' + verb if verb else 'All verbs'}\n\n```text\n{context.get_help()}\n```\n")
    return "".join(parts)


def fields(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Paragraphs of ``name: what it is``, each name on a line of its own, become fields of a docstring."""
    made: list[str] = []
    for _, block in groupby(lines, key=bool):
        paragraph = list(block)
        if FIELD.match(paragraph[0]) and all(FIELD.match(line) or not line[0].islower() for line in paragraph):
            for line in paragraph:
                if not FIELD.match(line) and not line.startswith(" "):
                    made.append("")  # a sentence after the fields
                made.append(f":{line}" if FIELD.match(line) else line)
        else:
            made += paragraph
    lines[:] = made


def complete(app: Any, page: str, source: list[str]) -> None:
    """Add to a page what is made of other things."""
    source[0] += contents(page) + (commands() if page == COMMANDS else "")


def name_the_first_page(app: Any, error: Exception | None) -> None:
    """A server and a reader look for ``index.html``."""
    if error is None and app.builder.name == "html":
        shutil.copyfile(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")


def setup(app: Any) -> None:
    app.add_lexer("asm", TextLexer)  # ours is no assembly that Pygments knows
    app.connect("autodoc-process-docstring", fields)
    app.connect("source-read", complete)
    app.connect("build-finished", name_the_first_page)

# A method that is a function of another file would get a link back to a place that is not there.
viewcode_follow_imported_members = False
