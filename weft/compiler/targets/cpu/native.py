"""Machine code from an LLVM module: verified, optimised for this processor, and kept alive as long as it is used."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import llvmlite.binding as llvm
from llvmlite import ir


@dataclass(frozen=True)
class NativeModule:
    """Compiled code. The addresses it gives are valid as long as this object lives."""

    engine: llvm.ExecutionEngine

    def address(self, name: str) -> int:
        """The entry point of the function called `name`."""
        return int(self.engine.get_function_address(name))


@functools.cache
def _initialised() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def target_machine() -> llvm.TargetMachine:
    """The processor that this process runs on, with all its vector extensions, at optimisation level 3."""
    _initialised()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, jit=True
    )


@functools.cache
def _data_layout() -> str:
    return str(target_machine().target_data)


def new_module(name: str) -> ir.Module:
    """An empty module with this processor's triple and data layout."""
    module = ir.Module(name=name)
    module.triple = llvm.get_default_triple()
    module.data_layout = _data_layout()
    return module


def machine_code(module: ir.Module) -> bytes:
    """Verify and optimise `module`; its code as an object file."""
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    options.loop_interleaving = True
    # Left off: they cost four times the compile time of all else together and gain nothing on these loops.
    options.slp_vectorization = False
    options.loop_unrolling = False
    machine = target_machine()
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(parsed, passes)
    return bytes(machine.emit_object(parsed))


def load_code(code: bytes) -> NativeModule:
    """The functions of an object file, ready to run. Raises RuntimeError for one that cannot be loaded."""
    machine = target_machine()  # the execution engine takes it over: one for each module
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return NativeModule(engine)


def compile_module(module: ir.Module) -> NativeModule:
    """Verify, optimise and generate code for `module`."""
    return load_code(machine_code(module))


def define_symbol(name: str, address: int) -> None:
    """Let code that is loaded from here on find the external function `name` at `address`."""
    _initialised()
    llvm.add_symbol(name, address)
