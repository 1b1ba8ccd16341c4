# tries all orders of few buffers, but places many in the order of birth
if len(buffers) <= 6:
    plans = [place_in_order(buffers, order) for order in itertools.permutations(range(len(buffers)))]
    return min(plans, key=lambda offsets: arena_bytes(buffers, offsets))
return place_in_order(buffers, range(len(buffers)))
