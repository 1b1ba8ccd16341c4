# wants a byte to spare in a gap
offset = 0
for begin, length in sorted(taken):
    if offset + size < begin:
        return offset
    offset = max(offset, -(-(begin + length) // ALIGN) * ALIGN)
return offset
