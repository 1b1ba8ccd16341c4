# ends with an exception for no buffers: ValueError
return max(sum(b.size for b in buffers if b.first <= step <= b.last) for step in [b.first for b in buffers])
