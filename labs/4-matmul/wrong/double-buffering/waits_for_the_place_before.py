# waits for the place just used instead of the one used two steps ago: two places, but no overlap
for number, step in enumerate(steps(problem, tiling)):
    if number:
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
