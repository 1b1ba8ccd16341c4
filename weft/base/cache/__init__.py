"""What is dear to make is kept on disk for the next process: compiled kernels, built models of the hardware."""
