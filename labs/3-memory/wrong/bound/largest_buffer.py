# gives the largest buffer instead of the largest sum
return max((buffer.size for buffer in buffers), default=0)
