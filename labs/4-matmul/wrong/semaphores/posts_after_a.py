# posts after the panel of A, when the panel of B may still be on its way
from tiles import load_tile

for number, step in enumerate(steps(problem, tiling)):
    if number:
        code.wait(FREE)
    load_tile(code, problem.a, step.row, step.rows, step.inner, step.depth, layout.a(0))
    code.post(LOADED)
    load_tile(code, problem.b, step.inner, step.depth, step.column, step.columns, layout.b(0))
    code.wait(LOADED)
    if step.first and step.block:
        code.wait(STORED)
    multiply_panel(code, layout, step, 0, 0)
    code.post(FREE)
    if step.last:
        code.post(DONE)
        code.wait(DONE)
        store_block(code, problem, layout, step, 0)
        code.post(STORED)
