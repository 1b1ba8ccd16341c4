"""The instruction set, written once: machines, instructions, vector operations, events, timing constants.

Everything else (encoders, decoders, engines, RTL, manual) is derived from the tables in this package.
"""
