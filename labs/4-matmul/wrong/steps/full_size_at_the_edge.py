# the pieces at the edges keep their full size and reach beyond the matrices
found = []
block = 0
for row in range(0, problem.m, tiling.rows):
    for column in range(0, problem.n, tiling.columns):
        for inner in range(0, problem.k, tiling.depth):
            rows = tiling.rows
            columns = tiling.columns
            depth = tiling.depth
            last = inner + depth >= problem.k
            found.append(Step(block, row, rows, column, columns, inner, depth, inner == 0, last))
        block += 1
return found
