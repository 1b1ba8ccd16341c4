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
from weft.framework.data import DataLoader, TensorDataset
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
from weft.framework.dtypes import DType, bfloat16, bool_, float32, int8, int32, int64
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
from weft.framework.functional import (
    arange,
    full,
    maximum,
    minimum,
    ones,
    ones_like,
    where,
    zeros,
    zeros_like,
)
from weft.framework.graph import Graph, Node
from weft.framework.jit import JitFunction, RetraceWarning, jit, trace
from weft.framework.lazy import no_grad
from weft.framework.nn.functional import relu, sigmoid, softmax
from weft.framework.quantisation import CalibrationError, quantise
from weft.framework.random import Generator, manual_seed, rand, randn
from weft.framework.reference import evaluate, reference_node
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
    "arange",
    "assemble",
    "autograd",
    "bfloat16",
    "bool_",
    "check_program",
    "checkpoint",
    "compile",
    "data",
    "default_device",
    "device",
    "digits",
    "disassemble",
    "evaluate",
    "float32",
    "full",
    "functional",
    "get_device",
    "get_engine",
    "gradients",
    "int8",
    "int32",
    "int64",
    "jit",
    "known_devices",
    "load",
    "load_machine",
    "load_program",
    "manual_seed",
    "maximum",
    "minimum",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "optim",
    "profile",
    "prune",
    "quantise",
    "rand",
    "randn",
    "random",
    "reference_node",
    "relu",
    "report",
    "rewrite",
    "save",
    "save_program",
    "set_default_device",
    "show",
    "sigmoid",
    "softmax",
    "tensor",
    "trace",
    "use_device",
    "utils",
    "validate_program",
    "verify",
    "where",
    "with_gradients",
    "zeros",
    "zeros_like",
]

__version__: str
