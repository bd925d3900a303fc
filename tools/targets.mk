# What `make` does besides building: run, test, lint, bench, fuzz, sim, ci.
