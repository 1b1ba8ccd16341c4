# in the order of birth
return place_in_order(buffers, sorted(range(len(buffers)), key=lambda i: buffers[i].first))
