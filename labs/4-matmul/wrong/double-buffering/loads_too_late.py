# two places and the right waits, but each load stands behind the products of the step before: dispatch sees it too late
for number, step in enumerate(steps(problem, tiling)):
    if number >= 2:
        code.wait(FREE)
    load_panels(code, problem, layout, step, number % 2)
    code.post(LOADED)
    code.wait(LOADED)
    if step.first and step.block >= 2:
        code.wait(STORED)
    multiply_panel(code, layout, step, number % 2, step.block % 2)
    code.post(FREE)
    if step.last:
        code.post(DONE)
        code.wait(DONE)
        store_block(code, problem, layout, step, step.block % 2)
        code.post(STORED)
