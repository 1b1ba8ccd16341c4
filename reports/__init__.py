"""Reports: metrics, views of runs, pages and benchmarks, on top of everything else."""
