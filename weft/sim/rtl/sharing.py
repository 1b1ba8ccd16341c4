"""Rewrites exported Verilog so that equal combinational modules become calls of one function.

Verilator flattens a design: without this, every multiply-add of the array is compiled, and kept in the instruction
cache, once per element. A module that has no state, and one output, is a function of its inputs; said as a Verilog
function that must not be inlined, there is one copy of its code. The netlist stays the same.
"""

from __future__ import annotations

import graphlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

PACKAGE = "weft_functions"

_MODULE = re.compile(r"^module (\S+) \(([^;]*)\);\n(.*?)^endmodule\n", re.DOTALL | re.MULTILINE)
_NAME = r"(?:\\\S+ |[A-Za-z_][\w$]*)"
_DECLARATION = re.compile(rf"  (input|output|wire|reg) (\[\d+:0\] )?({_NAME})( \[\d+:0\])?(?: = [^;]*)?;$")
_ASSIGN = re.compile(rf"  assign ({_NAME})(.*)$")
_INSTANCE = re.compile(rf"  ({_NAME}) *{_NAME} *\($")
_PORT = re.compile(rf"    \.({_NAME}) ?\((.*)\),?$")
_ENTRY = re.compile(rf"    ({_NAME})\[\d+\] = ([^;]*);$")
_TOKEN = re.compile(rf"\d*'s?[bdh][0-9a-fA-FxzXZ?_]+|\$\w+|{_NAME}")
_TARGET = re.compile(rf"^\s+({_NAME})(?:\[[^\]]*\])? ? = ", re.MULTILINE)
_UNSAID = re.compile(r"\(\*.*?\*\)")
_WAKE = re.compile(r"^  reg \\\$wake ;\n|^  initial \\\$wake  <= 0;\n|^ *if \(\\\$wake \) begin end\n", re.MULTILINE)
"""What has simulators with events evaluate every process at time 0 (``rtl.verilog.WAKE``): Verilator does so anyhow."""


@dataclass
class _Statement:
    """Code with the names it defines; all other names in it are those it needs."""

    code: str
    targets: set[str]

    def needs(self) -> set[str]:
        names = {token.strip() for token in _TOKEN.findall(self.code) if "'" not in token and token[0] != "$"}
        return names - self.targets


@dataclass
class _Body:
    """A parsed combinational module."""

    widths: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    tables: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    statements: list[_Statement] = field(default_factory=list)


@dataclass(frozen=True)
class _Function:
    """A function in the package, and the ports of the modules it stands for."""

    name: str
    inputs: tuple[str, ...]
    output: str

    def call(self, connections: Mapping[str, str]) -> str:
        return f"{PACKAGE}::{self.name}({', '.join(connections[name] for name in self.inputs)})"


def _said(name: str) -> str:
    """A name as it must be written: an escaped one ends with a space."""
    return name + " " if name.startswith("\\") else name


def _until(lines: Iterator[str], end: str) -> Iterator[str]:
    for line in lines:
        if line == end:
            return
        yield line


def _parse(text: str, functions: Mapping[str, _Function]) -> _Body | None:
    """The parts of a module's body, or None if it has state or anything else that a function cannot have."""
    body = _Body()
    lines = iter(_UNSAID.sub("", text).splitlines())
    for line in lines:
        if not line.strip():
            continue
        if declared := _DECLARATION.match(line):
            kind, width, name, depth = declared[1], declared[2] or "", declared[3].strip(), declared[4]
            if depth:
                body.tables[name] = (f"logic {width}{_said(name)}{depth}", [])
                continue
            body.widths[name] = width
            if kind in ("input", "output"):
                (body.inputs if kind == "input" else body.outputs).append(name)
        elif assigned := _ASSIGN.match(line):
            body.statements.append(_Statement(f"    {assigned[1]}{assigned[2]}\n", {assigned[1].strip()}))
        elif line == "  always @* begin":
            block = "".join(f"  {inner}\n" for inner in _until(lines, "  end"))
            body.statements.append(_Statement(block, {name.strip() for name in _TARGET.findall(block)}))
        elif line == "  initial begin":
            for entry in map(_ENTRY.match, _until(lines, "  end")):
                if entry is None or entry[1].strip() not in body.tables:
                    return None
                body.tables[entry[1].strip()][1].append(entry[2])
        elif (instance := _INSTANCE.match(line)) and instance[1].strip() in functions:
            function = functions[instance[1].strip()]
            ports = {m[1].strip(): m[2] for m in map(_PORT.match, _until(lines, "  );")) if m}
            target = ports.pop(function.output, "").strip()
            if set(ports) != set(function.inputs) or not re.fullmatch(_NAME.replace(" |", "|"), target):
                return None
            code = f"    {_said(target)} = {function.call(ports)};\n"
            body.statements.append(_Statement(code, {target}))
        else:
            return None
    return body if len(body.outputs) == 1 else None


def _ordered(body: _Body) -> list[_Statement] | None:
    """The statements that the output needs, each after what it needs; None if there is a cycle."""
    definitions: dict[str, list[int]] = {}
    for index, statement in enumerate(body.statements):
        for name in statement.targets:
            definitions.setdefault(name, []).append(index)
    graph: dict[int, list[int]] = {}
    wanted = list(definitions.get(body.outputs[0], ()))
    while wanted:
        index = wanted.pop()
        if index not in graph:
            # Sorted: a set's order changes from process to process, and equal designs have equal bytes.
            needs = sorted({i for name in body.statements[index].needs() for i in definitions.get(name, ())})
            graph[index] = needs
            wanted += needs
    try:
        return [body.statements[index] for index in graphlib.TopologicalSorter(graph).static_order()]
    except graphlib.CycleError:
        return None


def _function_text(body: _Body, statements: list[_Statement]) -> tuple[str, str]:
    """The head and the rest of a function, with ``@`` for its name."""
    used = {name for statement in statements for name in statement.targets | statement.needs()}
    ports = ", ".join(f"input logic {body.widths[name]}{_said(name)}" for name in body.inputs)
    output = body.outputs[0]
    tables = "".join(
        f"  localparam {head} = '{{{', '.join(reversed(entries))}}};\n"
        for name, (head, entries) in body.tables.items()
        if name in used
    )
    local = "".join(
        f"    logic {width}{_said(name)};\n"
        for name, width in body.widths.items()
        if name in used and name not in body.inputs
    )
    code = "".join(statement.code for statement in statements)
    head = f"  function automatic logic {body.widths[output]}@({ports});\n    /*verilator no_inline_task*/\n"
    return tables, f"{head}{local}{code}    return {_said(output)};\n  endfunction\n"


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """The text with every token that ``names`` knows replaced."""
    return _TOKEN.sub(lambda token: names.get(token[0].strip(), token[0]), text)


def share(verilog: str) -> str:
    """The same design with its combinational one-output modules as calls of functions in a package."""
    verilog = _WAKE.sub("", verilog)
    texts = {match[1]: match for match in _MODULE.finditer(verilog)}
    functions: dict[str, _Function] = {}
    known: dict[tuple[str, ...], str] = {}
    package: list[str] = []
    rewritten: dict[str, str] = {}
    pending = list(texts)
    while pending:
        left = []
        for name in pending:
            body = _parse(texts[name][3], functions)
            statements = _ordered(body) if body else None
            if body is None or statements is None:
                left.append(name)
                continue
            tables, text = _function_text(body, statements)
            # Ports that the export named by a number differ from copy to copy.
            numbered = {port: f"port_{i}" for i, port in enumerate(body.inputs) if re.match(r"\\port\$\d", port)}
            text = _renamed(text, numbered)
            key = (tables, text)
            if key not in known:
                known[key] = name
                package.append(_with_tables(name, tables, text))
            functions[name] = function = _Function(known[key], tuple(body.inputs), body.outputs[0])
            own = {port: _said(port) for port in body.inputs}
            ports = "".join(f"  input {body.widths[p]}{_said(p)};\n" for p in body.inputs)
            ports += f"  output {body.widths[function.output]}{_said(function.output)};\n"
            rewritten[name] = f"{ports}  assign {_said(function.output)} = {function.call(own)};\n"
        if len(left) == len(pending):
            break
        pending = left
    rest = _MODULE.sub(
        lambda m: f"module {m[1]} ({m[2]});\n{rewritten[m[1]]}endmodule\n" if m[1] in rewritten else m[0], verilog
    )
    if not package:
        return verilog
    return f"package {PACKAGE};\n{''.join(package)}endpackage\n{rest}"


def _with_tables(name: str, tables: str, text: str) -> str:
    """A function's text under its name; its tables, which are the package's, are named after it."""
    for table in re.findall(rf"({_NAME}) ?\[\d+:0\] = ", tables):
        plain = table.strip()
        pattern = re.compile(rf"(?<![\w$\\]){re.escape(plain)}(?=\[| \[)")
        tables, text = (pattern.sub(f"{name}_{plain}", part) for part in (tables, text))
    return tables + text.replace("@", name, 1)
