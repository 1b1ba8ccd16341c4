"""Reports: metrics, views of runs, pages and benchmarks, on top of everything else."""

if __name__ != "weft.reports":  # the folder reports/ of a checkout is a link into the package
    raise ImportError(f"this package is weft.reports; it cannot be imported as {__name__!r}")
