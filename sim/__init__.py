"""Simulators of the machine: interpreter, fast engine, RTL through Verilator, RTL in Amaranth's simulator."""
