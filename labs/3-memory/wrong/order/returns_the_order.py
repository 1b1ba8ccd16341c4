# gives the best order instead of its offsets
orders = itertools.permutations(range(len(buffers))) if len(buffers) <= 6 else [range(len(buffers))]
return list(min(orders, key=lambda order: arena_bytes(buffers, place_in_order(buffers, order))))
