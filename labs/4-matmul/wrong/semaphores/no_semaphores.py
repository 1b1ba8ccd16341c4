# leaves the order to the program, but units run at the same time
for step in steps(problem, tiling):
    load_panels(code, problem, layout, step, 0)
    multiply_panel(code, layout, step, 0, 0)
    if step.last:
        store_block(code, problem, layout, step, 0)
