"""What the accelerator can run, as a table; which movements cost nothing there is in ``views.py``."""

from __future__ import annotations

from weft.compiler.passes.machine_functions import FORMS
from weft.compiler.targets.accel.expand import ELEMENTWISE, KINDS
from weft.framework.capability import Capabilities, Capability, Shortfall, SupportedForm
from weft.framework.graph import Graph

_ON_THE_HOST = "return the values, and take .numpy().{0}() on the host"


def _batch(graph: Graph, index: int) -> str:
    return "it has batch axes" if len(graph.nodes[index].shape) != 2 else ""


def _wraps(graph: Graph, index: int) -> str:
    return "int8 results would saturate, not wrap" if graph.nodes[index].dtype.name == "int8" else ""


def _counts(graph: Graph, index: int) -> str:
    node = graph.nodes[index]
    leading = [a for a in range(len(node.shape) - 1) if node.shape[a] > 1]
    last, axis = len(node.shape) - 1, node.attr("axis")
    alone = axis == last or leading in ([axis], []) or node.shape[axis] == 1
    return "" if alone else "it counts along one of several leading axes"


def _narrow(graph: Graph, index: int) -> str:
    node = graph.nodes[index]
    shape = graph.nodes[node.inputs[0]].shape
    is_wide = any(shape[axis] > 1 for axis in node.attr("axes"))
    return f"the vector unit reduces no {node.dtype}" if is_wide and node.dtype.name != "float32" else ""


_FLOAT_SUMS = SupportedForm("float32, or axes of one element", _narrow, "a cast to float32 first")
_MATRICES = SupportedForm("two axes", _batch, "a product of two matrices")
_NO_INT8 = SupportedForm("not int8, which would saturate instead of wrapping", _wraps, "a cast to int32 first")
_WRAPPING = frozenset({"add", "sub", "mul", "neg", "abs"})


def _elementwise(op: str) -> Capability:
    types = frozenset(name for name, kind in KINDS.items() if (op, kind) in ELEMENTWISE)
    return Capability(types, (_NO_INT8,) if op in _WRAPPING else (), "float32 operands, elementwise")


_HERE = frozenset(KINDS)
CAPABILITIES = Capabilities(
    {
        **dict.fromkeys(FORMS, Capability(frozenset({"float32", "bfloat16"}), (), "float32 operands")),
        **{op: _elementwise(op) for op in dict.fromkeys(op for op, _ in ELEMENTWISE)},
        **dict.fromkeys(("input", "constant", "copy", "cast", "reshape", "permute", "broadcast_to"), Capability(_HERE)),
        "iota": Capability(_HERE, (SupportedForm("along the last axis or the only leading one", _counts, "two axes"),)),
        "matmul": Capability(frozenset({"float32", "bfloat16", "int8"}), (_MATRICES,), "bfloat16 or int8 operands"),
        **dict.fromkeys(("sum", "max"), Capability(_HERE, (_FLOAT_SUMS,))),
    },
    lacking={
        "int64": Shortfall(
            "its words have 32 bits",
            "int32 (x.int()), or for a sum float32 (x.float().sum(), exact up to 2**24)",
        ),
        "float64": Shortfall("its words have 32 bits", "float32 (x.float())"),
        "uint8": Shortfall("its integers have a sign", "int32 (x.int())"),
        "uint32": Shortfall(
            "its integers have a sign",
            "int32 (x.int()); for the random bits that dropout and draws in a jitted function are made of, a mask or "
            "draw that is made outside and given to it",
        ),
    },
    instead={
        "argmax": _ON_THE_HOST.format("argmax"),
        "sort": _ON_THE_HOST.format("sort"),
        "conv": "device='cpu', which runs it, or a product of matrices of the windows, given as an input",
        "slice": "give each part as an input of its own",
    },
    what="the vector unit",
)
"""Before the pass that rounds the operands of products: float32 ones become bfloat16."""
