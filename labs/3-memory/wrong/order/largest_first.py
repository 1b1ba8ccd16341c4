# largest first: good, but not the best for few buffers
return place_in_order(buffers, sorted(range(len(buffers)), key=lambda i: -buffers[i].size))
