"""ResNet-18 in onnxruntime: the graph written with onnx's helper, from the same weights."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from weft.reports.frameworks import workloads

Step = Callable[[], Any]
_THREADS = [1]


def prepare(threads: int) -> None:
    """Compute with so many threads."""
    _THREADS[0] = threads


def finish(value: Any) -> float:
    """The first number of what a step gives."""
    return float(value.flat[0])


def _resnet18() -> Step:
    weights = workloads.resnet18()
    nodes: list[Any] = []
    numbers = itertools.count()

    def add(op: str, *inputs: str, **attributes: Any) -> str:
        output = f"v{next(numbers)}"
        nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def convolution(x: str, name: str, norm: str, stride: int, padding: int) -> str:
        y = add("Conv", x, f"{name}.weight", strides=[stride] * 2, pads=[padding] * 4)
        return add("BatchNormalization", y, *(f"{norm}.{p}" for p in ("weight", "bias", "running_mean", "running_var")))

    x = add("Relu", convolution("x", "conv1", "bn1", 2, 3))
    x = add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    x = workloads.residual_stages(
        x, weights, 4, 2, convolution, functools.partial(add, "Relu"), functools.partial(add, "Add")
    )
    x = add("Flatten", add("GlobalAveragePool", x))
    nodes.append(helper.make_node("Gemm", [x, "fc.weight", "fc.bias"], ["y"], transB=1))
    graph = helper.make_graph(
        nodes,
        "resnet18",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 224, 224])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1000])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = _THREADS[0], 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    image = workloads.image()
    return lambda: session.run(None, {"x": image})[0]


STEPS: Mapping[str, Callable[[], Step]] = {"resnet18": _resnet18}
"""Row → what makes its step."""
