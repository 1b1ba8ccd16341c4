# the first load waits for a place that nobody has used yet: deadlock
for number, step in enumerate(steps(problem, tiling)):
    code.wait(FREE)
    load_panels(code, problem, layout, step, 0)
    code.post(LOADED)
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
