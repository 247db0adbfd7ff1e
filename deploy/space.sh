#!/bin/sh
# Write the tree of a Hugging Face Docker Space into a folder: deploy/space.sh FOLDER
set -eu
cd "$(dirname "$0")/.."
mkdir -p "$1"
git -c tar.umask=022 archive HEAD Dockerfile .dockerignore pyproject.toml constraints.txt backend benchmarks demo deploy pocket \
  | tar -x -C "$1"
cp deploy/space/README.md "$1/README.md"
# a Space is public: who opens it needs no password
printf 'ENV LAB_NO_AUTH=1\n' >> "$1/Dockerfile"
