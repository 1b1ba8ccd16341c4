# the next block is multiplied into the place that is still being stored
for number, step in enumerate(steps(problem, tiling)):
    if number:
        code.wait(FREE)
    load_panels(code, problem, layout, step, 0)
    code.post(LOADED)
    code.wait(LOADED)
    multiply_panel(code, layout, step, 0, 0)
    code.post(FREE)
    if step.last:
        code.post(DONE)
        code.wait(DONE)
        store_block(code, problem, layout, step, 0)
