; C = A·B on machine edu, with double buffering: while the array multiplies one panel, the next one is loaded.
;
;     weft asm examples/gemm.s -o gemm.weft
;     weft sim gemm.weft --show C
;
; A is bf16 [64, 256], B bf16 [256, 32], C float32 [64, 32]. The array is 8×8, so K is cut into 32 panels of 8:
; 64 rows of 16 bytes of A, and 8 rows of B. Even panels lie in scratchpad banks 0 (A) and 1 (B), odd ones in banks 2
; and 3. C stays in the accumulator all the time, as 4 tiles of 64 rows × 8 columns, one after the other.
;
; Four semaphores, each posted by one unit and waited for by one other:
;     s0  load → matrix   an even panel is there          s1  matrix → load   its place is free again
;     s2  load → matrix   an odd panel is there           s3  matrix → load   its place is free again
; and s4, matrix → store: C is finished.

.machine edu
.meta useful_macs 524288                        ; 64 × 256 × 32, so that `weft sim` can say the utilisation
.buffer A input  bfloat16 64x256 @0x00000
.buffer B input  bfloat16 256x32 @0x08000
.buffer C output float32  64x32  @0x0c000
.entry 0x10000

; A corner of A and of B; everything else is zero. C[0, 0:4] = 30 70 110 150.
.data 0x00000 bfloat16 1 2 3 4
.data 0x08000 bfloat16 1 5  9 13
.data 0x08040 bfloat16 2 6 10 14
.data 0x08080 bfloat16 3 7 11 15
.data 0x080c0 bfloat16 4 8 12 16

; The first two panels: both places are free, nothing to wait for.
load dram=0x00000 local=sp[0x0000] bytes=16 count0=64 dram_stride0=512 local_stride0=16
load dram=0x08000 local=sp[0x4000] bytes=512 post=s0
load dram=0x00010 local=sp[0x8000] bytes=16 count0=64 dram_stride0=512 local_stride0=16
load dram=0x08200 local=sp[0xc000] bytes=512 post=s2

; 15 times: multiply a pair of panels, and refill each place as soon as the array has read it.
; The accumulator is zero at the start, so that every tile may add to it.
loop count=15
  matmul a=sp[0x0000] a_stride0=16 w=sp[0x4000] w_stride=64 d=acc[0x0000] d_stride0=32 count0=64 k=8 n=8 accumulate=yes wait=s0
  matmul a=sp[0x0000] a_stride0=16 w=sp[0x4010] w_stride=64 d=acc[0x0800] d_stride0=32 count0=64 k=8 n=8 accumulate=yes
  matmul a=sp[0x0000] a_stride0=16 w=sp[0x4020] w_stride=64 d=acc[0x1000] d_stride0=32 count0=64 k=8 n=8 accumulate=yes
  matmul a=sp[0x0000] a_stride0=16 w=sp[0x4030] w_stride=64 d=acc[0x1800] d_stride0=32 count0=64 k=8 n=8 accumulate=yes post=s1
  load dram=0x00020 local=sp[0x0000] bytes=16 count0=64 dram_stride0=512 local_stride0=16 dram_inc0=32 wait=s1
  load dram=0x08400 local=sp[0x4000] bytes=512 dram_inc0=1024 post=s0

  matmul a=sp[0x8000] a_stride0=16 w=sp[0xc000] w_stride=64 d=acc[0x0000] d_stride0=32 count0=64 k=8 n=8 accumulate=yes wait=s2
  matmul a=sp[0x8000] a_stride0=16 w=sp[0xc010] w_stride=64 d=acc[0x0800] d_stride0=32 count0=64 k=8 n=8 accumulate=yes
  matmul a=sp[0x8000] a_stride0=16 w=sp[0xc020] w_stride=64 d=acc[0x1000] d_stride0=32 count0=64 k=8 n=8 accumulate=yes
  matmul a=sp[0x8000] a_stride0=16 w=sp[0xc030] w_stride=64 d=acc[0x1800] d_stride0=32 count0=64 k=8 n=8 accumulate=yes post=s3
  load dram=0x00030 local=sp[0x8000] bytes=16 count0=64 dram_stride0=512 local_stride0=16 dram_inc0=32 wait=s3
  load dram=0x08600 local=sp[0xc000] bytes=512 dram_inc0=1024 post=s2
end

; The last pair. A tile of C is stored as soon as its last product is done.
matmul a=sp[0x0000] a_stride0=16 w=sp[0x4000] w_stride=64 d=acc[0x0000] d_stride0=32 count0=64 k=8 n=8 accumulate=yes wait=s0
matmul a=sp[0x0000] a_stride0=16 w=sp[0x4010] w_stride=64 d=acc[0x0800] d_stride0=32 count0=64 k=8 n=8 accumulate=yes
matmul a=sp[0x0000] a_stride0=16 w=sp[0x4020] w_stride=64 d=acc[0x1000] d_stride0=32 count0=64 k=8 n=8 accumulate=yes
matmul a=sp[0x0000] a_stride0=16 w=sp[0x4030] w_stride=64 d=acc[0x1800] d_stride0=32 count0=64 k=8 n=8 accumulate=yes
matmul a=sp[0x8000] a_stride0=16 w=sp[0xc000] w_stride=64 d=acc[0x0000] d_stride0=32 count0=64 k=8 n=8 accumulate=yes wait=s2 post=s4
matmul a=sp[0x8000] a_stride0=16 w=sp[0xc010] w_stride=64 d=acc[0x0800] d_stride0=32 count0=64 k=8 n=8 accumulate=yes post=s4
matmul a=sp[0x8000] a_stride0=16 w=sp[0xc020] w_stride=64 d=acc[0x1000] d_stride0=32 count0=64 k=8 n=8 accumulate=yes post=s4
matmul a=sp[0x8000] a_stride0=16 w=sp[0xc030] w_stride=64 d=acc[0x1800] d_stride0=32 count0=64 k=8 n=8 accumulate=yes post=s4

store dram=0x0c000 local=acc[0x0000] bytes=32 count0=64 dram_stride0=128 local_stride0=32 wait=s4
store dram=0x0c020 local=acc[0x0800] bytes=32 count0=64 dram_stride0=128 local_stride0=32 wait=s4
store dram=0x0c040 local=acc[0x1000] bytes=32 count0=64 dram_stride0=128 local_stride0=32 wait=s4
store dram=0x0c060 local=acc[0x1800] bytes=32 count0=64 dram_stride0=128 local_stride0=32 wait=s4
halt
