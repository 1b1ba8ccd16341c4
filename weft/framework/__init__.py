"""The framework: lazy tensors, graphs, gradients, modules and training, working alone with NumPy.

In the order of processing: ``dtypes``, ``primitives``, ``graph`` and ``builder`` (the IR), ``reference`` (its meaning),
``autodiff``, ``device``; then ``lazy`` and ``tracing`` (pending and recorded work), ``labels``, ``tensor`` with
``operators`` and ``functional``, ``recording`` and ``jit``, ``display`` in notebooks; then ``nn``, ``optim``,
``data``, ``random``, ``checkpoint``.
The front door re-exports the names below; inside, import from the modules.
"""

from __future__ import annotations

if __name__ != "weft.framework":  # the folder framework/ of a checkout is a link into the package
    raise ImportError(f"this package is weft.framework; it cannot be imported as {__name__!r}")

EXPORTS = {
    "dtypes": "DType bfloat16 bool_ float32 int8 int32 int64",
    "errors": "CheckpointError DeviceError DTypeError FrameworkError GradientError GraphError ShapeError TraceError",
    "graph": "Graph Node",
    "builder": "GraphBuilder prune rewrite",
    "reference": "evaluate reference_node",
    "autodiff": "gradients with_gradients",
    "device": "Device Executable Result default_device get_device known_devices set_default_device use_device",
    "lazy": "no_grad",
    "tensor": "Tensor tensor",
    "functional": "arange full maximum minimum ones ones_like relu sigmoid softmax where zeros zeros_like",
    "jit": "JitFunction RetraceWarning jit trace",
    "random": "Generator manual_seed rand randn",
    "data": "DataLoader TensorDataset",
    "checkpoint": "load save",
}
"""Module → the names in it that are public."""

MODULES = ("checkpoint", "data", "functional", "nn", "optim", "random")
"""Modules that users reach as attributes: ``nn.Linear``, ``optim.SGD``."""
