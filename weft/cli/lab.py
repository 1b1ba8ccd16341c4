"""``weft lab``: graded exercises, from the list of them to a hand-out for a class."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path

import click

from weft.base.reading import read_text
from weft.cli.options import COUNT, json_option, print_json
from weft.cli.printing import say
from weft.edition import MARK, is_course, refusal
from weft.groups import VerbGroup
from weft.lab.grading import GradedLab
from weft.lab.markers import LabError, unwritten
from weft.lab.tree import Hole, Lab, find_lab, find_tree, load_labs
from weft.lab.workspace import Workspace, find_workspace

FOR_TEACHERS = ("export", "lock")
"""Commands that need the solutions, which the course edition has not."""


class _InOrder(VerbGroup):
    """Lists its commands in the order in which a student meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            rows = ((name, found.get_short_help_str(limit=90)) for name, found in self.commands.items())
            left_out = FOR_TEACHERS if is_course() else ()
            formatter.write_dl([(name, MARK if name in left_out else told) for name, told in rows])


@click.group("lab", cls=_InOrder)
def command() -> None:
    """Graded exercises: write what is missing, and be told at once whether it works.

    N is a lab's number or name; inside the folder that `init` made it may be left out.
    """


def _located(tree: Path | None, number: str | None) -> tuple[Lab, Workspace | None]:
    """The lab that is meant, and the student's folder for it if there is one."""
    here = find_workspace(Path.cwd())
    if number is None:
        if here is None:
            if (Path.cwd() / "lab.toml").is_file():
                raise LabError(_not_here(Path.cwd().name))
            raise click.UsageError("which lab? give its number, or go to the folder that `weft lab init N` made")
        return find_lab(find_tree(tree, here.tree), here.lab), here
    lab = find_lab(find_tree(tree, here.tree if here else None), number)
    return lab, find_workspace(Path.cwd(), lab.name)


def _in_workspace(tree: Path | None, number: str | None) -> tuple[Lab, Workspace]:
    lab, workspace = _located(tree, number)
    if workspace is None:
        if Path.cwd().resolve() == lab.folder.resolve():
            raise LabError(_not_here(lab.name))
        raise LabError(
            f"no folder for lab {lab.name} here; `weft lab init {lab.number}` makes one, or go to the one you made"
        )
    return lab, workspace


def _not_here(name: str) -> str:
    number = name.partition("-")[0]
    return (
        f"this folder is the labs' own copy of {name}, from which checks and starters are taken; "
        f"`weft lab init {number}` elsewhere makes a folder to work in"
    )


def _with_hole(
    words: tuple[str, ...], locate: Callable[[str | None], tuple[Lab, Workspace | None]]
) -> tuple[Lab, Workspace | None, str | None]:
    """What ``[N] [HOLE]`` means, either left out where the folder says enough: lab, workspace, name of the hole."""
    if len(words) > 2:
        raise click.UsageError(f"too many words: {' '.join(words)}; give a lab and a hole")
    if len(words) == 1 and find_workspace(Path.cwd()) is not None:
        lab, workspace = locate(None)
        if words[0] in lab.tasks:
            return lab, workspace, words[0]
        try:
            return *locate(words[0]), None
        except LabError:
            if not words[0].isdigit():
                lab.hole(words[0])  # raises: neither a lab nor a hole of this one
            raise
    lab, workspace = locate(words[0] if words else None)
    return lab, workspace, lab.hole(words[1]).name if len(words) == 2 else None


tree_option = click.option(
    "--tree", type=click.Path(path_type=Path), metavar="DIR", help="Where the labs are [default: found]."
)


def _known(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The names of labs, for the shell's completion."""
    with contextlib.suppress(LabError):
        return [lab.name for lab in load_labs(find_tree()) if lab.name.startswith(incomplete)]
    return []


lab_argument = click.argument("number", metavar="[N]", required=False, shell_complete=_known)


@command.command("list")
@tree_option
@json_option
def list_(tree: Path | None, as_json: bool) -> None:
    """List the labs."""
    from weft.lab.views import console, labs_data, show_labs

    labs = load_labs(find_tree(tree))
    if as_json:
        print_json(labs_data(labs))
    else:
        show_labs(console(), labs)


@command.command("init")
@click.argument("number", metavar="N", shell_complete=_known)
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@tree_option
def init(number: str, folder: Path | None, tree: Path | None) -> None:
    """Begin lab N in DIR [default: the lab's name]. Overwrites nothing."""
    from weft.lab import workspace

    lab = find_lab(find_tree(tree), number)
    target = folder or Path(lab.name)
    names = workspace.init(lab, target)
    say(f"{target}: {', '.join(names)}", err=True)
    say(f"next: cd {target}, read README.md (or `weft lab show`), then `weft lab check --watch`", err=True)


@command.command("show")
@lab_argument
@tree_option
def show(number: str | None, tree: Path | None) -> None:
    """Show the text of a lab."""
    from weft.lab.views import console

    lab, _ = _located(tree, number)
    path = lab.folder / "README.md"
    if not path.is_file():
        raise LabError(f"{path}: missing")
    text, out = read_text(path, LabError), console()
    if out.is_terminal:
        from rich.markdown import Markdown

        with out.pager(styles=True):
            out.print(Markdown(text))
    else:
        click.echo(text, nl=False)


@command.command("hint", short_help="Show a hint for a hole, gentle first.")
@click.argument("words", metavar="[N] [HOLE]", nargs=-1, shell_complete=_known)
@click.option("-n", "--number", "count", type=COUNT, default=1, help="Show so many hints [default: 1].")
@tree_option
def hint(words: tuple[str, ...], count: int, tree: Path | None) -> None:
    """Show a hint for HOLE [default: the first that does not pass yet], gentle first; -n 2 shows one more."""
    lab, workspace, name = _with_hole(words, lambda number: _located(tree, number))
    hole = lab.hole(name) if name is not None else _next_hole(lab, workspace)
    if hole is None:
        say(f"all {len(lab.holes)} holes of {lab.name} pass: no hint is needed", err=True)
        return
    say(f"{hole.name}: {hole.task}")
    for number, text in enumerate(hole.hints[:count], start=1):
        say(f"hint {number} of {len(hole.hints)}: {text}")
    if count < len(hole.hints):
        say(f"one more: weft lab hint {lab.number} {hole.name} -n {count + 1}", err=True)


def _next_hole(lab: Lab, workspace: Workspace | None) -> Hole | None:
    """The first hole that is not written, else the first that fails; None if all pass."""
    from weft.lab.grading import FAIL
    from weft.lab.sources import read_sources

    if workspace is None:
        raise click.UsageError(f"which hole of lab {lab.name}? there are: {', '.join(lab.tasks)}")
    sources, _ = read_sources(lab, workspace.folder)
    open_ = {name for text in sources.values() for name in unwritten(text)}
    for hole in lab.holes:
        if hole.name in open_:
            return hole
    report = _graded(lab, workspace.folder, None)
    if report.problems:
        raise LabError(f"your files cannot be run: {report.problems[0]}; `weft lab check` says more")
    failing = [lab.hole(outcome.hole) for outcome in report.outcomes if outcome.status == FAIL]
    return failing[0] if failing else None


@command.command("check", short_help="Check your files, or one hole of them.")
@click.argument("words", metavar="[N] [HOLE]", nargs=-1, shell_complete=_known)
@click.option("--watch", is_flag=True, help="Check again whenever a file changes; Ctrl-C ends it.")
@click.option("--solution", is_flag=True, help="Check the tree's own files (for those who write labs).")
@tree_option
@json_option
def check(words: tuple[str, ...], watch: bool, solution: bool, tree: Path | None, as_json: bool) -> None:
    """Check your files, or one HOLE of them; exit 1 unless every hole that is checked passes."""
    if watch and as_json:
        raise click.UsageError("--watch is for people and --json for programs; give one of them")
    locate = _located if solution else _in_workspace
    lab, workspace, hole = _with_hole(words, lambda number: locate(tree, number))
    folder = lab.folder if solution or workspace is None else workspace.folder
    if watch:
        _watch(lab, folder, hole)
    report = _graded(lab, folder, hole)
    _show(lab, report, as_json)
    raise click.exceptions.Exit(0 if report.passed else 1)


def _graded(lab: Lab, folder: Path, hole: str | None, unwanted: Callable[[], bool] | None = None) -> GradedLab:
    """The files in ``folder``, graded. Raises Abandoned once ``unwanted()`` is true."""
    from weft.lab.grading import UNCHECKED, HoleOutcome, grade
    from weft.lab.lock import load_lock
    from weft.lab.manifest import changed
    from weft.lab.needs import require
    from weft.lab.sources import read_sources
    from weft.progress import working

    require(lab)
    sources, problems = read_sources(lab, folder)
    if problems:
        holes = lab.tasks if hole is None else (hole,)
        report = GradedLab(lab.name, tuple(HoleOutcome(name, UNCHECKED) for name in holes), problems)
    else:
        with working(f"checking {lab.name}"):
            report = grade(lab, sources, load_lock(lab.folder.parent), hole=hole, unwanted=unwanted)
    return dataclasses.replace(report, warnings=changed(lab))


def _show(lab: Lab, report: GradedLab, as_json: bool = False) -> None:
    from weft.lab.views import console, report_data, show_report

    if as_json:
        print_json(report_data(report))
    else:
        show_report(console(), lab, report)


def _watch(lab: Lab, folder: Path, hole: str | None) -> None:
    """Check whenever a file changes, until interrupted; a check of what was there before is given up."""
    from weft.lab.process import Abandoned
    from weft.lab.watch import State, changes, state

    paths = [folder / file for file in lab.files]

    def outdated(seen: State) -> Callable[[], bool]:
        return lambda: state(paths) != seen

    for seen in changes(paths):
        click.clear()
        with contextlib.suppress(Abandoned):
            _show(lab, _graded(lab, folder, hole, outdated(seen)))
            say("waiting for changes; Ctrl-C ends", err=True)


@command.command("reset")
@lab_argument
@tree_option
def reset(number: str | None, tree: Path | None) -> None:
    """Put the starters back; your files are kept in a dated folder."""
    from datetime import datetime

    from weft.lab import workspace

    lab, place = _in_workspace(tree, number)
    kept = workspace.reset(lab, place, datetime.now())
    say(f"{place.folder}: the starters of {lab.name} again; yours are in {kept.name}", err=True)


@command.command("export", short_help="Make a hand-out for a class, without solutions.")
@click.argument("numbers", metavar="[N]...", nargs=-1, shell_complete=_known)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The folder to make.")
@tree_option
def export(numbers: tuple[str, ...], output: Path, tree: Path | None) -> None:
    """Make a hand-out of all labs (or of these) that holds no solution, for a class."""
    if is_course():
        raise refusal("`weft lab export`")
    from weft.lab.export import export

    place = find_tree(tree)
    labs = [find_lab(place, number) for number in numbers] or load_labs(place)
    wheel = export(place, labs, output)
    say(f"{output}: {', '.join(lab.name for lab in labs)}, {wheel.name}", err=True)


@command.command("lock", short_help="Measure the reference solutions (for those who write labs).")
@tree_option
def lock(tree: Path | None) -> None:
    """Measure the reference solutions and write lock.toml (for those who write labs)."""
    if is_course():
        raise refusal("`weft lab lock`")
    from weft.files import write_text
    from weft.lab.lock import FILE, dump
    from weft.lab.reference import measure_tree

    place = find_tree(tree)
    rows = measure_tree(load_labs(place))
    write_text(place / FILE, dump(rows))
    say(f"{place / FILE}: {len(rows)} figures", err=True)
