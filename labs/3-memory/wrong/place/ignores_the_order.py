# goes through the buffers as they come
offsets = [-1] * len(buffers)
done = []
for index in range(len(buffers)):
    mine = buffers[index]
    taken = []
    for other in done:
        theirs = buffers[other]
        if mine.first <= theirs.last and theirs.first <= mine.last:
            taken.append((offsets[other], theirs.size))
    offsets[index] = lowest_gap(mine.size, taken)
    done.append(index)
return offsets
