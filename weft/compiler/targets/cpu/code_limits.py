"""How much code one graph may make: a bound that keeps the time to compile it in proportion to the graph."""

FUSED_WORK = 8192
"""How much of fused loops that differ is compiled for one graph: a loop counts its operations and `LOOP_WORK`."""
LOOP_WORK = 32
"""What a loop costs beside its operations, in operations."""
PRODUCT_WORK = 128
"""The same of a product."""
