"""The framework: lazy tensors, graphs, gradients, modules and training, working alone with NumPy."""
