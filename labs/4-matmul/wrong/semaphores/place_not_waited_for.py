# nobody waits until the panels have been read: the next load overwrites them
for step in steps(problem, tiling):
    load_panels(code, problem, layout, step, 0)
    code.post(LOADED)
    code.wait(LOADED)
    if step.first and step.block:
        code.wait(STORED)
    multiply_panel(code, layout, step, 0, 0)
    if step.last:
        code.post(DONE)
        code.wait(DONE)
        store_block(code, problem, layout, step, 0)
        code.post(STORED)
