"""The public names of ``weft`` and where each comes from: read by type checkers and, at run time, by ``weft.names``."""

from weft import amp as amp
from weft import autograd as autograd
from weft import func as func
from weft import nn as nn
from weft import optim as optim
from weft import utils as utils
from weft.base.errors import WeftError
from weft.compiler.errors import CompileError
from weft.datasets import Split, digits
from weft.framework import checkpoint, random
from weft.framework.autodiff import gradients, with_gradients
from weft.framework.blending import addcdiv, addcmul, lerp
from weft.framework.builder import GraphBuilder, prune, rewrite
from weft.framework.checkpoint import load, save
from weft.framework.control import cond, scan, while_loop
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
from weft.framework.dtypes import DType, bfloat16, bool_, float32, float64, int8, int32, int64, uint8, uint32
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
    atan2,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    cos,
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
    relu_,
    reshape,
    sin,
    sqrt,
    squeeze,
    sub,
    tanh,
    transpose,
    unsqueeze,
)
from weft.framework.gathering import (
    gather,
    index_add,
    index_copy,
    index_fill,
    index_select,
    masked_scatter,
    scatter,
    scatter_add,
    take_along_dim,
)
from weft.framework.grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from weft.framework.graph import Graph, Node
from weft.framework.jit import JitFunction, RetraceWarning, jit, trace
from weft.framework.joining import cat, flip, hstack, roll, stack, vstack
from weft.framework.joining import cat as concat
from weft.framework.joining import cat as concatenate
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
from weft.framework.ordering import argsort, kthvalue, median, sort, topk
from weft.framework.parts import chunk, narrow, select, split, tensor_split, unbind
from weft.framework.powers import pow, rsqrt, square
from weft.framework.quantisation import CalibrationError, quantise
from weft.framework.random import Generator, manual_seed, rand, randn
from weft.framework.realised import masked_select, nonzero, unique
from weft.framework.rearranging import broadcast_to, meshgrid, movedim, repeat_interleave, swapaxes, t, tile, unflatten
from weft.framework.reductions import all, amax, amin, any, argmax, argmin, logsumexp, max, mean, min, prod, sum
from weft.framework.reference import evaluate, reference_node
from weft.framework.rounding import (
    ceil,
    clamp,
    clamp_max,
    clamp_min,
    floor,
    floor_divide,
    fmod,
    frac,
    remainder,
    round,
    sign,
    trunc,
)
from weft.framework.rounding import (
    divide as div,
)
from weft.framework.running import cummax, cummin, cumprod, cumsum
from weft.framework.sampling import bernoulli, multinomial, normal, rand_like, randint, randn_like, randperm
from weft.framework.selection import masked_fill, where
from weft.framework.size import Size
from weft.framework.statistics import dist, norm, std, std_mean, var, var_mean
from weft.framework.tensor import Tensor, tensor
from weft.framework.typeinfo import (
    FloatInfo as finfo,
)
from weft.framework.typeinfo import (
    IntegerInfo as iinfo,
)
from weft.framework.typeinfo import (
    get_default_dtype,
    promote_types,
    result_type,
    set_default_dtype,
)
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
    "Size",
    "Split",
    "Tensor",
    "TensorDataset",
    "TraceError",
    "Verification",
    "WeftError",
    "abs",
    "add",
    "addcdiv",
    "addcmul",
    "addmm",
    "addmv",
    "all",
    "allclose",
    "amax",
    "amin",
    "amp",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "as_tensor",
    "assemble",
    "atan2",
    "autograd",
    "baddbmm",
    "bernoulli",
    "bfloat16",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "bmm",
    "bool",
    "bool_",
    "broadcast_to",
    "cat",
    "ceil",
    "check_program",
    "checkpoint",
    "chunk",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clone",
    "compile",
    "concat",
    "concatenate",
    "cond",
    "cos",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
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
    "enable_grad",
    "eq",
    "equal",
    "erf",
    "evaluate",
    "exp",
    "expm1",
    "eye",
    "finfo",
    "flatten",
    "flip",
    "float",
    "float32",
    "float64",
    "floor",
    "floor_divide",
    "fmod",
    "frac",
    "from_numpy",
    "full",
    "full_like",
    "func",
    "functional",
    "gather",
    "ge",
    "get_default_dtype",
    "get_device",
    "get_engine",
    "gradients",
    "gt",
    "hstack",
    "iinfo",
    "index_add",
    "index_copy",
    "index_fill",
    "index_select",
    "inference_mode",
    "int",
    "int8",
    "int32",
    "int64",
    "is_floating_point",
    "is_grad_enabled",
    "is_tensor",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "jit",
    "known_devices",
    "kthvalue",
    "le",
    "lerp",
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
    "masked_scatter",
    "masked_select",
    "matmul",
    "max",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "mm",
    "movedim",
    "mul",
    "multinomial",
    "mv",
    "narrow",
    "ne",
    "neg",
    "nn",
    "no_grad",
    "nonzero",
    "norm",
    "normal",
    "numel",
    "ones",
    "ones_like",
    "optim",
    "outer",
    "permute",
    "pow",
    "prod",
    "profile",
    "promote_types",
    "prune",
    "quantise",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "random",
    "randperm",
    "reciprocal",
    "reference_node",
    "relu",
    "relu_",
    "remainder",
    "repeat_interleave",
    "report",
    "reshape",
    "result_type",
    "rewrite",
    "roll",
    "round",
    "rsqrt",
    "save",
    "save_program",
    "scan",
    "scatter",
    "scatter_add",
    "select",
    "set_default_device",
    "set_default_dtype",
    "set_grad_enabled",
    "show",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "std_mean",
    "sub",
    "sum",
    "swapaxes",
    "t",
    "take_along_dim",
    "tanh",
    "tensor",
    "tensor_split",
    "tensordot",
    "tile",
    "topk",
    "trace",
    "transpose",
    "tril",
    "triu",
    "trunc",
    "uint8",
    "uint32",
    "unbind",
    "unflatten",
    "unique",
    "unsqueeze",
    "use_device",
    "utils",
    "validate_program",
    "var",
    "var_mean",
    "verify",
    "vstack",
    "where",
    "while_loop",
    "with_gradients",
    "zeros",
    "zeros_like",
]

__version__: str
