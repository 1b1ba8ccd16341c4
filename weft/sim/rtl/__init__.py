"""The RTL engine: the Amaranth design through Verilator, with the memory model compiled in."""
