"""The CPU target: fused loops as LLVM IR, products through BLAS, one native call for a graph.

Order of reading: `device`, `lower` (graph to steps; `views`, `loops`), `buffers` and `memory` (where values lie),
`program` (steps to one function; `emit`, `scalars`, `functions`, `native`, `blas`), `executable`, `threads`.
"""
