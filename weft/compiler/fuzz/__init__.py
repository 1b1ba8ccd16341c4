"""Random graphs on every device: made, run for several steps, judged node by node, shrunk where they fail."""
