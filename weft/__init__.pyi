"""The public names of ``weft`` and where each comes from: read by type checkers and, at run time, by ``weft.names``."""

from weft import autograd as autograd
from weft import nn as nn
from weft import optim as optim
from weft import utils as utils
from weft.base.errors import WeftError
from weft.compiler.errors import CompileError
from weft.datasets import Split, digits
from weft.framework import checkpoint, random
from weft.framework.autodiff import gradients, with_gradients
from weft.framework.builder import GraphBuilder, prune, rewrite
from weft.framework.checkpoint import load, save
from weft.framework.creation import (
    arange,
    as_tensor,
    empty,
    eye,
    from_numpy,
    full,
    is_tensor,
    linspace,
    logspace,
    ones,
    zeros,
)
from weft.framework.data import DataLoader, TensorDataset
from weft.framework.description import clone, is_floating_point, numel
from weft.framework.device import (
    Device,
    Executable,
    Result,
    default_device,
    get_device,
    known_devices,
    set_default_device,
    use_device,
)
from weft.framework.device import get_device as device
from weft.framework.dtypes import (
    DType,
    bfloat16,
    bool_,
    float32,
    int8,
    int32,
    int64,
)
from weft.framework.dtypes import (
    bool_ as bool,
)
from weft.framework.dtypes import (
    float32 as float,
)
from weft.framework.dtypes import (
    int32 as int,
)
from weft.framework.dtypes import (
    int64 as long,
)
from weft.framework.einsum import einsum
from weft.framework.errors import (
    CheckpointError,
    DeviceError,
    DTypeError,
    FrameworkError,
    GradientError,
    GraphError,
    ShapeError,
    TraceError,
)
from weft.framework.functions import (
    abs,
    add,
    div,
    eq,
    erf,
    exp,
    expm1,
    flatten,
    ge,
    gt,
    le,
    log,
    log1p,
    lt,
    matmul,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    permute,
    reciprocal,
    reshape,
    sqrt,
    squeeze,
    sub,
    tanh,
    transpose,
    unsqueeze,
)
from weft.framework.graph import Graph, Node
from weft.framework.jit import JitFunction, RetraceWarning, jit, trace
from weft.framework.lazy import no_grad
from weft.framework.like import empty_like, full_like, ones_like, zeros_like
from weft.framework.linalg import (
    addmm,
    addmv,
    baddbmm,
    bmm,
    diag,
    diag_embed,
    diagonal,
    dot,
    mm,
    mv,
    outer,
    tensordot,
    tril,
    triu,
)
from weft.framework.logic import (
    allclose,
    equal,
    isclose,
    isfinite,
    isinf,
    isnan,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
)
from weft.framework.nn.functional import relu, sigmoid, softmax
from weft.framework.parts import chunk, narrow, select, split, tensor_split, unbind
from weft.framework.powers import pow, rsqrt, square
from weft.framework.quantisation import CalibrationError, quantise
from weft.framework.random import Generator, manual_seed, rand, randn
from weft.framework.rearranging import broadcast_to, meshgrid, movedim, repeat_interleave, swapaxes, t, tile, unflatten
from weft.framework.reductions import all, amax, amin, any, argmax, argmin, logsumexp, max, mean, min, prod, sum
from weft.framework.reference import evaluate, reference_node
from weft.framework.rounding import clamp, sign
from weft.framework.selection import masked_fill, where
from weft.framework.statistics import dist, norm, std, std_mean, var, var_mean
from weft.framework.tensor import Tensor, tensor
from weft.inspection import compile, profile, show
from weft.isa.assembler import assemble
from weft.isa.checker import check as check_program
from weft.isa.container import load as load_program
from weft.isa.container import save as save_program
from weft.isa.disassembler import disassemble
from weft.isa.machine import Machine
from weft.isa.machine import load as load_machine
from weft.isa.program import Program
from weft.isa.validator import validate as validate_program
from weft.nn import functional as functional
from weft.reporting import Report, report
from weft.reports.profile import Profile
from weft.sim.engines import get_engine
from weft.sim.run import Engine, Run
from weft.sim.verify import Verification, verify
from weft.utils import data as data

__all__ = [
    "CalibrationError",
    "CheckpointError",
    "CompileError",
    "DType",
    "DTypeError",
    "DataLoader",
    "Device",
    "DeviceError",
    "Engine",
    "Executable",
    "FrameworkError",
    "Generator",
    "GradientError",
    "Graph",
    "GraphBuilder",
    "GraphError",
    "JitFunction",
    "Machine",
    "Node",
    "Profile",
    "Program",
    "Report",
    "Result",
    "RetraceWarning",
    "Run",
    "ShapeError",
    "Split",
    "Tensor",
    "TensorDataset",
    "TraceError",
    "Verification",
    "WeftError",
    "abs",
    "add",
    "addmm",
    "addmv",
    "all",
    "allclose",
    "amax",
    "amin",
    "any",
    "arange",
    "argmax",
    "argmin",
    "as_tensor",
    "assemble",
    "autograd",
    "baddbmm",
    "bfloat16",
    "bmm",
    "bool",
    "bool_",
    "broadcast_to",
    "check_program",
    "checkpoint",
    "chunk",
    "clamp",
    "clone",
    "compile",
    "data",
    "default_device",
    "device",
    "diag",
    "diag_embed",
    "diagonal",
    "digits",
    "disassemble",
    "dist",
    "div",
    "dot",
    "einsum",
    "empty",
    "empty_like",
    "eq",
    "equal",
    "erf",
    "evaluate",
    "exp",
    "expm1",
    "eye",
    "flatten",
    "float",
    "float32",
    "from_numpy",
    "full",
    "full_like",
    "functional",
    "ge",
    "get_device",
    "get_engine",
    "gradients",
    "gt",
    "int",
    "int8",
    "int32",
    "int64",
    "is_floating_point",
    "is_tensor",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "jit",
    "known_devices",
    "le",
    "linspace",
    "load",
    "load_machine",
    "load_program",
    "log",
    "log1p",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logspace",
    "logsumexp",
    "long",
    "lt",
    "manual_seed",
    "masked_fill",
    "matmul",
    "max",
    "maximum",
    "mean",
    "meshgrid",
    "min",
    "minimum",
    "mm",
    "movedim",
    "mul",
    "mv",
    "narrow",
    "ne",
    "neg",
    "nn",
    "no_grad",
    "norm",
    "numel",
    "ones",
    "ones_like",
    "optim",
    "outer",
    "permute",
    "pow",
    "prod",
    "profile",
    "prune",
    "quantise",
    "rand",
    "randn",
    "random",
    "reciprocal",
    "reference_node",
    "relu",
    "repeat_interleave",
    "report",
    "reshape",
    "rewrite",
    "rsqrt",
    "save",
    "save_program",
    "select",
    "set_default_device",
    "show",
    "sigmoid",
    "sign",
    "softmax",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "std",
    "std_mean",
    "sub",
    "sum",
    "swapaxes",
    "t",
    "tanh",
    "tensor",
    "tensor_split",
    "tensordot",
    "tile",
    "trace",
    "transpose",
    "tril",
    "triu",
    "unbind",
    "unflatten",
    "unsqueeze",
    "use_device",
    "utils",
    "validate_program",
    "var",
    "var_mean",
    "verify",
    "where",
    "with_gradients",
    "zeros",
    "zeros_like",
]

__version__: str
