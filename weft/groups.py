"""A group of commands that says of a misspelt one which was meant."""

from __future__ import annotations

import click

from weft.isa.text import unknown


class VerbGroup(click.Group):
    """As click's, but an unknown command is answered with the nearest one and with all there are."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(unknown("command", args[0], self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)
