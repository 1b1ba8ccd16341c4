# takes the blocks in the order given, not by their offsets
offset = 0
for begin, length in taken:
    if offset + size <= begin:
        return offset
    offset = max(offset, -(-(begin + length) // ALIGN) * ALIGN)
return offset
