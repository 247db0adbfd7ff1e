"""One script per claim; each writes its figures, machine and versions to benchmarks/results/."""

import os

# before torch is imported: its own threads, and a peer's, take their number from here
os.environ.setdefault("OMP_NUM_THREADS", "1")
