"""The targets: what a compiled graph can run on."""
