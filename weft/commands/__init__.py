"""One small file per verb of the command line."""
