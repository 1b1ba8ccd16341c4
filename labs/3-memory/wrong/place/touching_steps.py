# lets a buffer begin in the step in which another one is read for the last time
offsets = [-1] * len(buffers)
done = []
for index in order:
    mine = buffers[index]
    taken = []
    for other in done:
        theirs = buffers[other]
        if mine.first < theirs.last and theirs.first < mine.last:
            taken.append((offsets[other], theirs.size))
    offsets[index] = lowest_gap(mine.size, taken)
    done.append(index)
return offsets
