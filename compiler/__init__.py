"""From a graph to a program for a target: passes over graphs, then one lowering for each target."""
