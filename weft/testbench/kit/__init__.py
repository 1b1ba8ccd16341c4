"""The files that every bench has; they import one another as they lie there, side by side."""
