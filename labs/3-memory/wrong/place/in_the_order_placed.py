# gives the offsets in the order of placing, not in that of the buffers
offsets = [-1] * len(buffers)
done = []
for index in order:
    mine = buffers[index]
    taken = []
    for other in done:
        theirs = buffers[other]
        if mine.first <= theirs.last and theirs.first <= mine.last:
            taken.append((offsets[other], theirs.size))
    offsets[index] = lowest_gap(mine.size, taken)
    done.append(index)
return [offsets[index] for index in order]
