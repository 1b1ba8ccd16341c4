"""Random programs that change tensors in place, through views, with and without recording: text for both libraries.

A program is a list of statements over tensors called a, b, …; each runs by itself, and whether it is refused is part of
what is compared. What one of both libraries refuses by its own rule stands in ``STATED``, with the reason.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from weft.framework.primitives.base import Shape

STATED: Mapping[str, str] = {
    "view size is not compatible": "a view is possible whatever was transposed before: no strides forbid it",
    "function that returns multiple views": "chunks and what else comes several at a time are views as all others",
    "is a view and its base or another view": "chunks and what else comes several at a time are views as all others",
    "some elements of the input tensor and the written-to": "operands are read before anything is written",
    "created in no_grad mode": "what is written through a view without a gradient is not recorded",
    "view that repeats elements": "nor is a part of an expanded view written to that repeats none itself",
    "would lose it": "a detached tensor has no history of its own while it shares its storage with one that has",
}
"""Part of an error's text → why only one of both refuses; such a statement is left out under both."""
LEAF, LEAVES = "RuntimeError: a leaf Variable", re.compile(r"(with torch.no_grad\(\): )?l\d")
"""So it is with this error where torch takes for a leaf what is none, as views made under ``no_grad()``: the names of
leaves begin with l."""
LENIENT: Mapping[str, str] = {
    r"softmax|clamp|index_add_": "the gradient is made of other values than the operand or result that torch keeps",
    r"copy_\(|\] = ": "what is wholly overwritten is not walked through, so that nothing it saved is needed",
    r"\bu\d": "torch takes a view that was made under no_grad() for a leaf that requires a gradient",
}
"""Where a statement looks like this, a change of what was saved may be refused by torch alone, and why."""


@dataclass
class Variable:
    """A tensor of a program: which storage it shows, by number.

    cut: a view that was made under ``no_grad()``, or of one; its name begins with u.
    """

    name: str
    shape: Shape
    storage: int
    expanded: bool = False
    cut: bool = False


@dataclass
class Program:
    """Leaves and constants, then statements, each tried by itself."""

    setup: list[str]
    statements: list[str]
    variables: list[str]

    def without(self, dropped: set[str]) -> Program:
        """The program without some statements."""
        return Program(self.setup, [s for s in self.statements if s not in dropped], self.variables)


@dataclass
class Writer:
    """Makes a program. traced: only what a jitted function can do."""

    rng: random.Random
    traced: bool = False
    variables: list[Variable] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    setup: list[str] = field(default_factory=list)
    storages: int = 0

    def program(self) -> Program:
        """Two to four tensors, five to 25 statements."""
        for k in range(self.rng.randint(2, 4)):
            shape = tuple(self.rng.randint(1, 4) for _ in range(self.rng.choice((1, 2, 2, 3))))
            leaf = k == 0 or self.rng.random() < 0.4
            made = self.literal(shape)
            name = self.named(shape, kind="l" if leaf else "t")
            self.setup.append(f"{name} = {made}.clone(){'.requires_grad_()' if leaf else ''}")
            if leaf:
                self.assign(f"{name} * {self.rng.choice(('1', '2', '0.5'))}", shape)
        kinds: list[Callable[[], None]] = [
            self.view, self.view, self.change, self.change, self.change, self.write, self.write, self.compute,
            self.compute, self.unrecorded,
        ]  # fmt: skip
        for _ in range(self.rng.randint(5, 25)):
            self.rng.choice(kinds)()
        names = [v.name for v in self.variables]
        return Program(self.setup, self.statements + [read(name) for name in names], names)

    # Names and operands

    def named(
        self, shape: Shape, of: Variable | None = None, expanded: bool = False, cut: bool = False, kind: str = "t"
    ) -> str:
        """A new name, for a tensor of its own or a view of another."""
        if of is None:
            self.storages += 1
        else:
            expanded, cut = expanded or of.expanded, cut or of.cut
        name = f"{'u' if cut else kind}{len(self.variables)}"
        self.variables.append(Variable(name, shape, self.storages if of is None else of.storage, expanded, cut))
        return name

    def assign(self, text: str, shape: Shape, of: Variable | None = None, expanded: bool = False) -> None:
        name = self.named(shape, of, expanded)
        self.statements.append(f"{name} = {text}")

    def some(self) -> Variable:
        recent = self.variables[-4:] if self.rng.random() < 0.5 else self.variables
        return self.rng.choice(recent)

    def literal(self, shape: Shape) -> str:
        values = [round(self.rng.uniform(-2, 2), 2) or 0.25 for _ in range(int(np.prod(shape)))]
        return f"torch.tensor({values}).reshape({list(shape)})"

    def operand(self, shape: Shape, apart_from: Variable) -> str:
        """Something that broadcasts to a shape: a number, a constant, or another tensor, copied if it shares."""
        fitting = [
            v for v in self.variables
            if len(v.shape) <= len(shape) and all(n in (1, m) for n, m in zip(v.shape[::-1], shape[::-1], strict=False))
        ]  # fmt: skip
        choice = self.rng.random()
        if choice < 0.25:
            return str(self.rng.choice((2, 0.5, -1, 1.5)))
        if choice < 0.4 or not fitting:
            return self.literal(tuple(n if self.rng.random() < 0.7 else 1 for n in shape))
        chosen = self.rng.choice(fitting)
        return chosen.name + (".clone()" if chosen.storage == apart_from.storage else "")

    # Statements

    def view(self) -> None:
        """Another view of a tensor."""
        x = self.some()
        shape, axes = x.shape, len(x.shape)
        kinds = ["detach", "unsqueeze", "view", "expand"]
        kinds += ["slice", "index", "permute", "chunk", "unbind"] if axes else []
        kinds += ["diagonal"] if axes >= 2 else []
        kind = self.rng.choice(kinds)
        d = self.rng.randrange(axes) if axes else 0
        if kind == "detach":
            self.assign(f"{x.name}.detach()", shape, x)
        elif kind == "unsqueeze":
            if axes < 4:
                self.assign(f"{x.name}.unsqueeze({d})", (*shape[:d], 1, *shape[d:]), x)
        elif kind == "view":
            size = int(np.prod(shape))
            tables = [(n, size // n) for n in (2, 3) if size % n == 0]
            wanted = self.rng.choice([(size,), (1, size), (size, 1), *tables])
            self.assign(f"{x.name}.view({list(wanted)})", wanted, x)
        elif kind == "expand":
            if axes < 4 and self.rng.random() < 0.4:
                wide = (self.rng.randint(1, 2), *(n if n != 1 else self.rng.randint(1, 3) for n in shape))
                self.assign(f"{x.name}.expand({list(wide)})", wide, x, expanded=np.prod(wide) != np.prod(shape))
        elif kind == "permute":
            order = self.rng.sample(range(axes), axes)
            self.assign(f"{x.name}.permute({order})", tuple(shape[k] for k in order), x)
        elif kind == "diagonal":
            n = min(shape[0], shape[1])
            self.assign(f"{x.name}.diagonal()", (*shape[2:], n), x)
        elif kind in ("chunk", "unbind"):
            if kind == "chunk" and shape[d] % 2 == 0:
                half = (*shape[:d], shape[d] // 2, *shape[d + 1 :])
                self.assign(f"{x.name}.chunk(2, {d})[{self.rng.randrange(2)}]", half, x)
            else:
                self.assign(f"{x.name}.unbind({d})[-1]", (*shape[:d], *shape[d + 1 :]), x)
        else:
            key, left = self.key(shape, kind == "index")
            self.assign(f"{x.name}[{key}]", left, x)

    def key(self, shape: Shape, index: bool = False) -> tuple[str, Shape]:
        """A basic key, and the shape of what it chooses."""
        parts, left = list[str](), list[int]()
        for n in shape:
            choice = self.rng.random()
            if index or choice < 0.25:
                parts.append(str(self.rng.randrange(-n, n)))
                index = False
            elif choice < 0.5:
                parts.append(":")
                left.append(n)
            else:
                start, step = self.rng.randrange(n), self.rng.choice((1, 1, 2))
                stop = self.rng.randint(start + 1, n)
                parts.append(f"{start}:{stop}:{step}")
                left.append(len(range(start, stop, step)))
        return ", ".join(parts), tuple(left)

    def change(self) -> None:
        """An operator or a method in place."""
        x = self.some()
        self.statements.append(self.changing(x))

    def changing(self, x: Variable) -> str:
        other = self.operand(x.shape, x)
        number = self.rng.choice((0.5, -1.5, 2))
        return x.name + self.rng.choice([
            f" += {other}", f" *= {other}", f" -= {other}", f".mul_({other})", f".add_({other})", f".sub_({other})",
            f".{'fill_' if is_number(other) else 'copy_'}({other})", ".zero_()", ".tanh_()", ".sigmoid_()", ".neg_()",
            ".relu_()", ".clamp_(-1, 1)", ".abs_()", ".sin_()", ".square_()", f".div_({number})",
            f".masked_fill_({self.mask(x.shape)}, {number})", f".lerp_({self.literal(x.shape)}, 0.25)",
            f".addcmul_({self.literal(x.shape)}, {self.literal(x.shape)})",
        ])  # fmt: skip

    def mask(self, shape: Shape) -> str:
        values = [self.rng.random() < 0.4 for _ in range(int(np.prod(shape)))]
        return f"torch.tensor({values}, dtype=torch.bool).reshape({list(shape)})"

    def write(self) -> None:
        """A write by index: numbers and slices, a mask, index tensors with places twice."""
        x = self.some()
        if not x.shape:
            self.statements.append(f"{x.name}[...] = {self.operand((), x)}")
            return
        kind, n = self.rng.random(), x.shape[0]
        places = [self.rng.randrange(-n, n) for _ in range(self.rng.randint(1, 4))]
        if kind < 0.4:
            key, left = self.key(x.shape)
            verb = self.rng.choice(("=", "=", "+=", "*="))
            self.statements.append(f"{x.name}[{key}] {verb} {self.operand(left, x)}")
        elif kind < 0.55:
            self.statements.append(f"{x.name}[{self.mask(x.shape)}] = {self.rng.choice((0.5, -1.5))}")
        elif kind < 0.7:
            once = sorted({place % n for place in places})
            self.statements.append(f"{x.name}[{once}] = {self.operand((len(once), *x.shape[1:]), x)}")
        elif kind < 0.8:
            self.statements.append(f"{x.name}[torch.tensor({places})] = {self.rng.choice((0.75, -0.5))}")
        else:
            values = self.literal((len(places), *x.shape[1:]))
            same = [v for v in self.variables if v.shape == (len(places), *x.shape[1:]) and v.storage != x.storage]
            given = self.rng.choice(same).name if same and self.rng.random() < 0.6 else values
            at = f"torch.tensor({[place % n for place in places]})"
            self.statements.append(self.rng.choice([
                f"{x.name}.index_add_(0, {at}, {given})", f"{x.name}.index_put_(({at},), {given}, accumulate=True)",
                f"{x.name}.index_fill_(0, {at}, 0.25)",
            ]))  # fmt: skip

    def compute(self) -> None:
        """A new tensor of others."""
        x = self.some()
        other = self.operand(x.shape, Variable("", (), -1))
        kinds: list[tuple[str, Shape]] = [
            (f"{x.name} * {other}", x.shape), (f"{x.name} + {other}", x.shape), (f"{x.name}.tanh()", x.shape),
            (f"{x.name}.sigmoid()", x.shape), (f"{x.name} * {x.name}", x.shape), (f"{x.name}.clone()", x.shape),
            (f"{x.name}.sin()", x.shape), (f"{x.name}.relu()", x.shape), (f"{x.name}.sum()", ()),
            (f"{x.name}.abs().add(1).sqrt()", x.shape), (f"{x.name} / (2 + {x.name}.abs())", x.shape),
            (f"torch.where({self.mask(x.shape)}, {x.name}, {other})", x.shape),
        ]  # fmt: skip
        if x.shape:
            kinds += [(f"{x.name}.sum(0)", x.shape[1:]), (f"{x.name}[[0, -1]]", (2, *x.shape[1:]))]
            kinds += [(f"{x.name}.softmax(-1)", x.shape)]
            kinds += [(f"torch.cat([{x.name}, {x.name}])", (2 * x.shape[0], *x.shape[1:]))]
        if len(x.shape) == 2:
            kinds.append((f"{x.name} @ {x.name}.t()", (x.shape[0], x.shape[0])))
        if not self.traced and x.shape:
            kinds.append((f"{x.name}[{x.name} > 0].sum()", ()))
        text, shape = self.rng.choice(kinds)
        self.assign(text, shape)

    def unrecorded(self) -> None:
        """A change, or a view, under ``no_grad()``."""
        x = self.some()
        if self.rng.random() < 0.7:
            inner = self.changing(x)
        else:
            inner = f"{self.named((1, *x.shape), x, cut=True)} = {x.name}.unsqueeze(0)"
        self.statements.append(f"with torch.no_grad(): {inner}")


def is_number(text: str) -> bool:
    """Whether an operand is a number."""
    return not text[0].isalpha()


def read(name: str) -> str:
    """The statement at the end that adds a tensor to what is differentiated."""
    return f"total = total + ({name} * torch.arange(1.0, {name}.numel() + 1).reshape({name}.shape)).sum()"


def is_stated(statement: str, error: str) -> bool:
    """Whether that a statement is refused with this error by one of both only is as stated."""
    return any(part in error for part in STATED) or (error.startswith(LEAF) and not LEAVES.match(statement))


def written(seed: int, traced: bool = False) -> Program:
    """The program of a seed."""
    return Writer(random.Random(seed), traced).program()


def text_of(program: Program, traced: bool = False) -> str:
    """The program as a script: ``outcomes`` has the error of each statement or None, of ``backward`` last."""
    lines = ["import torch", *(f"outer_{line}" for line in program.setup), "outcomes = []"]
    given = [line.partition(" = ")[0] for line in program.setup]
    body = ["total = 0.0", *(f"{name} = outer_{name}" for name in given)]
    for statement in program.statements:
        body += ["try:", f"    {statement}", "    outcomes.append(None)", "except Exception as error:",
                 "    outcomes.append(f'{type(error).__name__}: {error}')"]  # fmt: skip
    kept = ", ".join(f"{name!r}" for name in program.variables if read(name) in program.statements)
    body += [
        f"held = {{n: v for n, v in {{**globals(), **locals()}}.items() if n in ({kept},)}}",
        "try:",
        "    total.backward()",
        "    outcomes.append(None)",
        "except Exception as error:",
        "    outcomes.append(f'{type(error).__name__}: {error}')",
    ]
    gradient = "torch.zeros_like(v) if v.grad is None else v.grad"
    body.append(f"gradients = {{n: {gradient} for n, v in held.items() if n[0] == 'l'}}")
    if not traced:
        return "\n".join([*lines, *body])
    step = ["@torch.jit", "def step():", *(f"    {line}" for line in body), "    return held, gradients"]
    return "\n".join([*lines, *step, "held, gradients = step()"])
