# cuts whole pieces only: the ragged rest at the edges is never computed
found = []
block = 0
for row in range(0, problem.m - tiling.rows + 1, tiling.rows):
    for column in range(0, problem.n - tiling.columns + 1, tiling.columns):
        for inner in range(0, problem.k, tiling.depth):
            rows = min(tiling.rows, problem.m - row)
            columns = min(tiling.columns, problem.n - column)
            depth = min(tiling.depth, problem.k - inner)
            last = inner + depth == problem.k
            found.append(Step(block, row, rows, column, columns, inner, depth, inner == 0, last))
        block += 1
return found
