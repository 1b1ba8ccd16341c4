"""The ground floor: errors, limits, files, caches and child processes, which know nothing of what stands on them."""
