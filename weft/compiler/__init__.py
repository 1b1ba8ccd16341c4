"""From a graph to a program for a target: passes over graphs, then one lowering for each target."""

if __name__ != "weft.compiler":  # the folder compiler/ of a checkout is a link into the package
    raise ImportError(f"this package is weft.compiler; it cannot be imported as {__name__!r}")
