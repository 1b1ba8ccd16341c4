"""Printing for people: whatever a file or its name holds, a terminal shows it and does not obey it."""

from __future__ import annotations

import io
import sys

import click

from weft.base.errors import printable


def say(text: str, err: bool = False, nl: bool = True) -> None:
    """Print a text with every character that does not print as its escape: names of files may hold anything."""
    click.echo(printable(text), err=err, nl=nl)


def refuse(problem: click.ClickException) -> None:
    """Print what is wrong with the words of the command line, which quotes them."""
    text = io.StringIO()
    problem.show(text)
    say(text.getvalue(), err=True, nl=False)


def escape_the_rest() -> None:
    """What the encoding of stdout or stderr does not have is printed as its escape from here on, instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
