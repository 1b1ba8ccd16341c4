"""The Amaranth design of the core: units, memories, control, and its export to Verilog."""
