"""The pass manager: runs passes until none of them finds anything more to do.

    python manager.py        # what the passes make of a recorded training step
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ir

Pass = Callable[[ir.Graph], ir.Graph]


def run_passes(graph: ir.Graph, passes: Sequence[Pass], rounds: int = 20) -> tuple[ir.Graph, list[str]]:
    """Run the passes in order, round after round, until a whole round changes nothing.

    Returns the graph, and the names (``__name__``) of the passes in the order in which they changed it, with repeats.
    Graphs are compared by what they hold (``==``).
    A pass that leaves an illegal graph is a defect: raises ir.GraphError "after <name of the pass>: <what
    ``ir.validate`` says>", before any other pass sees that graph. If round number ``rounds`` still changes something,
    raises ir.GraphError "no fixed point after <rounds> rounds: <names of the passes that changed the graph in it>",
    the names joined by ", ".
    """
    # hole: pass-manager
    changed: list[str] = []
    for _ in range(rounds):
        before = len(changed)
        for optimise in passes:
            found = optimise(graph)
            if found != graph:
                changed.append(optimise.__name__)
                try:
                    ir.validate(found)
                except ir.GraphError as error:
                    raise ir.GraphError(f"after {optimise.__name__}: {error}") from error
                graph = found
        if len(changed) == before:
            return graph, changed
    raise ir.GraphError(f"no fixed point after {rounds} rounds: {', '.join(changed[before:])}")
    # end hole


if __name__ == "__main__":
    from algebra import algebra
    from passes import common_subexpressions, constant_folding, dead_code
    from sample import training_step

    step = training_step()
    small, names = run_passes(step, [common_subexpressions, constant_folding, algebra, dead_code])
    print(small)
    print(f"{len(step.nodes)} nodes became {len(small.nodes)}, by {', '.join(names)}")
