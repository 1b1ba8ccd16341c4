"""``weft bench framework``: the CPU target beside torch, jax and onnxruntime, one process each, in turns."""
