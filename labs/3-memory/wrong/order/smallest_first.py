# smallest first, so that the large ones find no gap
return place_in_order(buffers, sorted(range(len(buffers)), key=lambda i: buffers[i].size))
