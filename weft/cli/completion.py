"""``weft completion``: the lines that make a shell complete verbs, options, models, machines and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from weft.cli.options import ChoiceOption

WHERE = {
    "bash": "~/.bashrc: eval \"$(weft completion bash)\"",
    "zsh": "~/.zshrc: eval \"$(weft completion zsh)\"",
    "fish": "~/.config/fish/completions/weft.fish: weft completion fish | source",
}
"""Shell → the file and the line that belongs there."""


@click.command("completion", epilog="\b\n" + "\n".join(f"In {line}" for line in WHERE.values()))
@click.argument("shell", type=ChoiceOption([*WHERE]))
def command(shell: str) -> None:
    """Print the completion script of SHELL; put one line into the shell's start-up file to have it always."""
    from weft.cli import root

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(root, {}, "weft", "_WEFT_COMPLETE").source())
