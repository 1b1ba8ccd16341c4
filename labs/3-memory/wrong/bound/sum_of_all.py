# adds up all buffers, as if nothing were ever used again
return sum(buffer.size for buffer in buffers)
