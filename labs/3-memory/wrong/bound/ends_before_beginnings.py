# sweeps over the events, but lets go of what ends in a step before it takes what begins there
events = sorted([(b.first, b.size) for b in buffers] + [(b.last, -b.size) for b in buffers])
now = most = 0
for _, change in events:
    now += change
    most = max(most, now)
return most
