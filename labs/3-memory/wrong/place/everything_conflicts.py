# keeps away from all buffers, whenever they are there
offsets = [-1] * len(buffers)
done = []
for index in order:
    mine = buffers[index]
    taken = []
    for other in done:
        theirs = buffers[other]
        if True:
            taken.append((offsets[other], theirs.size))
    offsets[index] = lowest_gap(mine.size, taken)
    done.append(index)
return offsets
