"""What of torch is left out, and what differs, each with its reason: the other half of the coverage page."""

from __future__ import annotations

from collections.abc import Mapping

MISSING: Mapping[str, str] = {
    "Tensor.__complex__": "there are no complex numbers: no accelerator here computes with them",
    "torch.complex64": "there are no complex numbers: no accelerator here computes with them",
    "torch.hub": "models are not downloaded: nothing is fetched when a program runs",
    "torch.vmap": "functions of one example are not made ones of a batch; write the batch axis",
    "torch.nn.parallel": "one graph is split over devices by the scheduler; models are not copied to several",
    "Tensor.cat": "torch 2.13 has no such method; `torch.cat` is here",
    "Tensor.gelu": "torch 2.13 has no such method; `torch.nn.functional.gelu` is here",
    "Tensor.one_hot": "torch 2.13 has no such method; `torch.nn.functional.one_hot` is here",
    "Tensor.half": "there is no float16: the narrow float of every device here is bfloat16",
    "torch.float16": "there is no float16: the narrow float of every device here is bfloat16",
    "torch.nn.Module.half": "there is no float16: the narrow float of every device here is bfloat16",
    "torch.compile": "`weft.jit` is what compiles a function; `weft.compile` gives the program of an accelerator",
    "torch.set_num_threads": "`weft.get_device('cpu', threads=2)` is the CPU with so many threads; for a whole "
    "process `OMP_NUM_THREADS` says it",
    "torch.trace": "`weft.trace` gives the graph of a function; `Tensor.trace` is the sum of a diagonal",
    "torch.jit": "`weft.jit` traces and compiles a function; TorchScript is a language of its own",
}
"""Name → why it is not there."""

STATED: Mapping[str, str] = {
    "Integers are int32 where torch's are int64": "for Python's integers and for indices where no type is asked for: "
    "32 bits are what the accelerator computes with. `dtype=torch.int64` gives int64.",
    "Random numbers differ": "they come from Threefry, counted by element, so that they are the same on every device "
    "and under every tiling; torch's come from the order in which a device draws them.",
}
"""What differs → why."""
