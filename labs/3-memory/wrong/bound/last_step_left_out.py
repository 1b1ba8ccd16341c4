# takes a buffer to be gone in its last step already
last = max((buffer.last for buffer in buffers), default=-1)
return max((sum(b.size for b in buffers if b.first <= step < b.last) for step in range(last + 1)), default=0)
