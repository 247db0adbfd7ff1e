"""Exit 0 where the lab in this container is ready, else 1: the image's health check."""

import os
import sys
import urllib.request

try:
    port = os.environ.get("LAB_PORT") or "7860"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=4) as answer:
        print(answer.read().decode())
except OSError as error:
    sys.exit(f"not ready: {error}")
