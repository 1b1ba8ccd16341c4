# looks from the end of the last block, though an earlier one may reach higher
offset = 0
for begin, length in sorted(taken):
    if offset + size <= begin:
        return offset
    offset = -(-(begin + length) // ALIGN) * ALIGN
return offset
