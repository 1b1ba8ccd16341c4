# the list is made, and not returned
found: list[Step] = []
for block, row in enumerate(range(0, problem.m, tiling.rows)):
    found.append(Step(block, row, tiling.rows, 0, problem.n, 0, problem.k, True, True))
