"""The Amaranth design of the core: units, memories, control, and its export to Verilog."""

if __name__ != "weft.rtl":  # the folder rtl/ of a checkout is a link into the package
    raise ImportError(f"this package is weft.rtl; it cannot be imported as {__name__!r}")
