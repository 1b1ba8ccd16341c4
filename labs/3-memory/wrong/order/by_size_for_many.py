# tries all orders of few buffers, and places many by size alone
if len(buffers) <= 6:
    plans = [place_in_order(buffers, order) for order in itertools.permutations(range(len(buffers)))]
    return min(plans, key=lambda offsets: arena_bytes(buffers, offsets))
return place_in_order(buffers, sorted(range(len(buffers)), key=lambda i: -buffers[i].size))
