"""All claims that the benchmarks have measured, as one table: benchmarks/results/claims.md.

    python -m benchmarks.claims

A claim is as good as its last run: each part names its machine, date and versions.
"""

import json

from benchmarks.report import RESULTS, table

PARTS = {  # a result's file: the script that writes it
    "streams": "benchmarks.streams",
    "joining": "benchmarks.joining",
    "kv_memory": "benchmarks.kv_memory",
    "http": "benchmarks.http",
    "relay": "benchmarks.relay",
    "lean": "benchmarks.lean",
    "peers": "benchmarks.peers",
    "prefix": "benchmarks.prefix",
    "scrape": "benchmarks.scrape",
}


def main() -> None:
    """Assemble the table from the JSON files that are there."""
    parts = ["# Claims\n"]
    for name, script in PARTS.items():
        path = RESULTS / f"{name}.json"
        found = json.loads(path.read_text()) if path.is_file() else {}
        if "claims" in found:
            where = (
                f"`python -m {script}`, {found['date']}: {found['cpu']}, {found['cores']} cores, "
                f"load {found['load_before']} before; Python {found['python']}, torch "
                f"{found['torch']}, transformers {found['transformers']}, gradio {found['gradio']}."
            )
            parts += [where + "\n", table(found["claims"])]
        else:
            parts.append(f"`python -m {script}` has not been run.\n")
    text = "\n".join(parts)
    (RESULTS / "claims.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
