"""``python -m weft``: the command line without its script."""

from weft.cli import main

main()
