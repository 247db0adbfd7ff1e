"""One script per claim; each writes its figures, machine and versions to benchmarks/results/."""
