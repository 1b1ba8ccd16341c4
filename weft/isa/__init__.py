"""The instruction set, written once: machines, instructions, vector operations, events, timing constants.

Everything else (encoders, decoders, engines, RTL, manual) is derived from the tables in this package.
"""

if __name__ != "weft.isa":  # the folder isa/ of a checkout is a link into the package
    raise ImportError(f"this package is weft.isa; it cannot be imported as {__name__!r}")
