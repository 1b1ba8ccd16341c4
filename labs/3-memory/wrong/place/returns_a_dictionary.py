# gives the offsets as a dictionary in the order of placing
offsets = {}
for index in order:
    mine = buffers[index]
    there = [
        (at, buffers[other].size)
        for other, at in offsets.items()
        if mine.first <= buffers[other].last and buffers[other].first <= mine.last
    ]
    offsets[index] = lowest_gap(mine.size, there)
return offsets
