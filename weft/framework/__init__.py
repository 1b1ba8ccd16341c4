"""The framework: lazy tensors, graphs, gradients, modules and training, working alone with NumPy.

In the order of processing: ``dtypes``, ``primitives``, ``graph`` and ``builder`` (the IR), ``reference`` (its meaning),
``autodiff``, ``device``; then ``lazy``, ``backward`` and ``tracing`` (pending and recorded work), ``labels``,
``tensor`` with ``operators``, ``differentiable`` and ``functional``, ``recording``, ``replay`` and ``jit``;
``display``; then ``module`` and ``nn``, ``optim``, ``data``, ``random``, ``checkpoint``.
``weft/__init__.pyi`` says which names the front door has; inside, import from the modules.
"""

from __future__ import annotations

if __name__ != "weft.framework":  # the folder framework/ of a checkout is a link into the package
    raise ImportError(f"this package is weft.framework; it cannot be imported as {__name__!r}")
