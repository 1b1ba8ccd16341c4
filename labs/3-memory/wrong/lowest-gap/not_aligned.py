# forgets to round up to ALIGN
offset = 0
while True:
    hit = [begin + length for begin, length in taken if offset < begin + length and begin < offset + size]
    if not hit:
        return offset
    offset = min(hit)
