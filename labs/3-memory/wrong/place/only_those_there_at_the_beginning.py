# looks only at buffers that are there when this one begins; in this order later ones are placed already
offsets = [-1] * len(buffers)
done = []
for index in order:
    mine = buffers[index]
    taken = []
    for other in done:
        theirs = buffers[other]
        if theirs.first <= mine.first <= theirs.last:
            taken.append((offsets[other], theirs.size))
    offsets[index] = lowest_gap(mine.size, taken)
    done.append(index)
return offsets
