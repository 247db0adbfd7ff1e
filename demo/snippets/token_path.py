"""Log in, then move HF_HOME: the token is looked for in the new place, and you are logged out."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ASK = (
    "from huggingface_hub import constants, get_token;"
    "print(constants.HF_TOKEN_PATH, 'logged', 'out' if get_token() is None else 'in')"
)

with tempfile.TemporaryDirectory() as folder:
    home = os.path.realpath(folder)  # an empty home, so that no token of yours is touched
    token = Path(home, ".cache", "huggingface", "token")
    token.parent.mkdir(parents=True)
    token.write_text("hf_this_opens_nothing")
    moved = {"HF_HOME": f"{home}/shared/huggingface"}
    for environment in ({}, moved, {**moved, "HF_TOKEN_PATH": str(token)}):
        done = subprocess.run(
            [sys.executable, "-I", "-c", ASK],  # the paths are resolved once, at the import
            env={"HOME": home, **environment},
            capture_output=True,
            check=True,
            text=True,
        )
        print(
            " + ".join(environment) or "nothing set", "->", done.stdout.replace(home, "~").strip()
        )
