"""Simulators of the machine: interpreter, fast engine, RTL through Verilator, RTL in Amaranth's simulator."""

if __name__ != "weft.sim":  # the folder sim/ of a checkout is a link into the package
    raise ImportError(f"this package is weft.sim; it cannot be imported as {__name__!r}")
