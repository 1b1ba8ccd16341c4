# goes above everything that is taken and leaves the gaps
end = max((begin + length for begin, length in taken), default=0)
return -(-end // ALIGN) * ALIGN
