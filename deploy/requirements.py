"""Print the dependencies of pyproject.toml, a line each: what the image installs first."""

import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
print("\n".join(project["dependencies"]))
