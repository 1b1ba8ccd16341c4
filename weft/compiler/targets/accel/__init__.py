"""The accelerator target: graphs become programs for a machine of the instruction set."""
