"""Loops and branches inside a graph: ``scan``, ``cond`` and ``while_loop`` of Python functions on tensors.

A function is recorded once, as ``@jit`` records one, and becomes a subgraph. The tensors from outside that it uses are
operands of the loop, so gradients reach them; it must not change them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft.framework.builder import GraphBuilder, inline
from weft.framework.errors import ShapeError, TraceError
from weft.framework.graph import Graph
from weft.framework.lazy import Expr, results
from weft.framework.origin import user_line
from weft.framework.realising import collect
from weft.framework.tensor import Tensor
from weft.framework.tracing import current_trace, name_input, tracing
from weft.framework.tree import leaves, map_leaves


class _Body:
    """A recorded function: its graph, what it returned with the tensors' places, and what it used from outside."""

    def __init__(self, name: str, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
        outer = current_trace()
        read = {id(x): x._read() for x in _tensors(list(arguments))}  # here: the body uses what stands for them alone
        with tracing(name) as trace:
            if outer is not None:
                trace.reads = outer.reads

            def placeholder(path: str, value: Any) -> Any:
                return Tensor._holding(trace.argument(path, read[id(value)])) if isinstance(value, Tensor) else value

            taken = [map_leaves(value, placeholder, f"arg{k}") for k, value in enumerate(arguments)]
            self.returned = function(*taken)
            found = [(path, value) for path, value in leaves(self.returned) if value is not None]
            wrong = next((value for _, value in found if not isinstance(value, Tensor)), None)
            if wrong is not None:
                raise TraceError(f"{user_line()}: {name} returns tensors, not a {type(wrong).__name__}")
            self.tensors = [value for _, value in found]
            outputs = [value._read() for value in self.tensors]
            states = [(tensor, given) for tensor, given in trace.states]
            given = [e for _, e in trace.arguments] + [e for _, e in states]
            for k, e in enumerate(given):
                name_input(e, f"x{k}", "input")
            nodes, index, known = collect(outputs, given)
            written = trace.finish()
        if written:
            tensor = states[written[0][0]][0]
            raise TraceError(
                f"{user_line()}: {name} changes a tensor from outside ({tensor.dtype}{list(tensor.shape)}); carry it "
                "and return it instead"
            )
        self.graph = Graph(tuple(nodes), tuple((f"y{k}", index[id(e)]) for k, e in enumerate(outputs)))
        self.outside: list[Expr] = [*(tensor._read() for tensor, _ in states), *known]


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for _, leaf in leaves(value) if isinstance(leaf, Tensor)]


def _refilled(nest: Any, made: Sequence[Expr]) -> Any:
    """``nest`` with new tensors in place of its own, in order."""
    new = iter(made)
    return map_leaves(nest, lambda path, leaf: Tensor._of(next(new)) if isinstance(leaf, Tensor) else leaf)


def scan(
    function: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any = None, length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """``carry, y = function(carry, x)`` for each row x of ``xs`` along its first axis: (last carry, stacked ys).

    init, xs: a tensor, or nested lists, tuples and dictionaries of them; the carry keeps its shapes and dtypes.
    length: the number of turns, needed only without ``xs``. reverse: from the last row to the first, the ys lying where
    their rows do. As ``jax.lax.scan``. Raises ShapeError, DTypeError or TraceError.
    """
    rows, carried = _tensors(xs), _tensors(init)
    lengths = {x.shape[0] if x.shape else None for x in rows} | ({length} if length is not None or not rows else set())
    if len(lengths) != 1 or None in lengths:
        shown = ", ".join(str(list(x.shape)) for x in rows) or "nothing"
        raise ShapeError(f"{user_line()}: scan: xs {shown} and length {length} do not give one number of turns")
    (turns,) = lengths
    first = map_leaves(xs, lambda path, leaf: leaf[0] if isinstance(leaf, Tensor) and turns else leaf)
    if not turns:
        raise ShapeError(f"{user_line()}: scan: there is no turn to record: xs has no rows")
    recorded = _Body("the body of scan", function, (init, first))
    if not isinstance(recorded.returned, tuple) or len(recorded.returned) != 2:
        raise TraceError(f"{user_line()}: the body of scan returns (carry, y); y may be None")
    after = _tensors(recorded.returned[0])
    wanted, got = ([(x.dtype, x.shape) for x in part] for part in (carried, after))
    if wanted != got:
        told = [", ".join(f"{d}{list(shape)}" for d, shape in part) or "nothing" for part in (wanted, got)]
        raise ShapeError(f"{user_line()}: scan carries {told[0]}, but its body gives {told[1]}")
    operands = [x._read() for x in (*carried, *rows)] + recorded.outside
    made = results(
        "scan", *operands, body=recorded.graph, carries=len(carried), stacked=len(rows), length=turns, reverse=reverse
    )
    return _refilled(init, made[: len(carried)]), _refilled(recorded.returned[1], made[len(carried) :])


def cond(
    predicate: Tensor, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Sequence[Any] = ()
) -> Any:
    """What ``true_fn(*operands)`` gives where ``predicate`` holds, else ``false_fn(*operands)``, in one graph.

    predicate: bool []. Both functions return tensors of the same shapes and dtypes. As ``torch.cond``. Raises
    ShapeError, DTypeError or TraceError.
    """
    predicate = Tensor._as_operand(predicate)
    branches = [_Body(f"a branch of cond ({f.__name__})", f, tuple(operands)) for f in (true_fn, false_fn)]
    types = [[(x.dtype, x.shape) for x in branch.tensors] for branch in branches]
    if types[0] != types[1]:
        told = [", ".join(f"{d}{list(shape)}" for d, shape in part) or "nothing" for part in types]
        raise ShapeError(f"{user_line()}: one branch of cond gives {told[0]}, the other {told[1]}")
    inputs = [x._read() for x in _tensors(operands)]
    then, orelse = _widened([branch.graph for branch in branches], [len(branch.outside) for branch in branches])
    outside = [e for branch in branches for e in branch.outside]
    made = results("cond", predicate._read(), *inputs, *outside, then=then, orelse=orelse)
    return _refilled(branches[0].returned, made)


def while_loop(
    cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """``carried = body_fn(*carried)`` as long as ``cond_fn(*carried)`` holds, in one graph; without gradient.

    As ``torch.while_loop``. Raises ShapeError, DTypeError or TraceError.
    """
    carried = [Tensor._as_operand(x) for x in carried_inputs]
    test, turn = _Body("the test of while_loop", cond_fn, carried), _Body("the body of while_loop", body_fn, carried)
    graphs = _widened([test.graph, turn.graph], [len(test.outside), len(turn.outside)])
    operands = [x._read() for x in carried] + test.outside + turn.outside
    made = results("while_loop", *operands, test=graphs[0], body=graphs[1], carries=len(carried))
    return tuple(Tensor._of(e) for e in made)


def _widened(graphs: Sequence[Graph], outside: Sequence[int]) -> list[Graph]:
    """Two bodies that take the same operands: the common ones, then what each of them uses from outside."""
    widened = []
    common = len(graphs[0].inputs) - outside[0]
    types = [
        *(graphs[0].nodes[i] for i in graphs[0].inputs),
        *(graphs[1].nodes[i] for i in graphs[1].inputs[common:]),
    ]
    own = (range(common, common + outside[0]), range(common + outside[0], common + sum(outside)))
    for graph, places in zip(graphs, own, strict=True):
        b = GraphBuilder()
        inputs = [b.input(f"x{k}", node.shape, node.dtype) for k, node in enumerate(types)]
        values = inline(b, graph, [*inputs[:common], *(inputs[k] for k in places)])
        widened.append(b.build({f"y{k}": i for k, i in enumerate(values)}))
    return widened
