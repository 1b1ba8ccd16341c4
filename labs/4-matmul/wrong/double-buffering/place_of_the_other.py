# multiplies the place that is being loaded, not the one loaded before
todo = steps(problem, tiling)
for number in range(len(todo) + 1):
    if number < len(todo):
        if number >= 2:
            code.wait(FREE)
        load_panels(code, problem, layout, todo[number], number % 2)
        code.post(LOADED)
    if number:
        step = todo[number - 1]
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
