"""The fast engine: event-driven timing, exact to the cycle, and compiled numerics, exact to the bit."""
