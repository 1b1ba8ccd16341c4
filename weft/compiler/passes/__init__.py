"""Passes: small rewritings of a graph into a graph that gives the same results. `pipeline` runs them in order."""
