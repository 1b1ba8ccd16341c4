# stores the block after every step: nothing waits before the next step adds to it
for number, step in enumerate(steps(problem, tiling)):
    if number:
        code.wait(FREE)
    load_panels(code, problem, layout, step, 0)
    code.post(LOADED)
    code.wait(LOADED)
    if step.first and step.block:
        code.wait(STORED)
    multiply_panel(code, layout, step, 0, 0)
    code.post(FREE)
    code.post(DONE)
    code.wait(DONE)
    store_block(code, problem, layout, step, 0)
    code.post(STORED)
