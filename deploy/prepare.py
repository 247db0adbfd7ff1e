"""What must be right before the lab's container starts; runs once, as root, without a network.

Who publishes the lab beyond this machine has decided who may use it; the cache belongs to who
writes it; the given secrets can be read by the lab alone; the missing ones are made. Secrets stay
in a volume, each file with one owner.
"""

import os
import secrets
import sys
from pathlib import Path

GIVEN, KEPT, CACHE = Path("/run/secrets"), Path("/run/lab"), Path("/cache")
GRAFANA_UID = 472  # of Grafana's image
LOOPBACK = ("", "127.0.0.1", "::1")


def check_sharing(env: dict[str, str], *, has_auth: bool) -> str:
    """Return why the lab may not be published as it is, empty where it may."""
    shared = [
        f"{name}={env[name]}"
        for name, alone in (("LAB_HOST", LOOPBACK), ("LAB_SHARE", ("", "0")))
        if env.get(name, "") not in alone
    ]
    if not shared or has_auth or env.get("LAB_NO_AUTH") == "1":
        return ""
    return (
        f"{' and '.join(shared)} serves other machines: set LAB_AUTH_FILE to a file of"
        " user:password lines, or LAB_NO_AUTH=1 to serve without a password"
    )


def check_cache(cache: Path, uid: int, gid: int) -> str:
    """Give an empty or root's cache to the lab; return why it may not write another's."""
    owner = cache.stat().st_uid
    if owner not in (0, uid) and any(cache.iterdir()):
        return f"the cache belongs to user {owner}: set LAB_UID={owner} (and LAB_GID), or move it"
    for folder in (cache, cache / "hub", cache / "assets"):
        folder.mkdir(exist_ok=True)
        if folder.stat().st_uid != uid:
            os.chown(folder, uid, gid)
    return ""


def keep(name: str, text: str, uid: int, folder: Path = KEPT) -> None:
    """Write a secret that one user can read."""
    path = folder / name
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
        file.write(text)
    os.chown(path, uid, uid)


def main() -> int:
    """Check and prepare; return the exit status."""
    uid, gid = int(os.environ["LAB_UID"]), int(os.environ["LAB_GID"])
    given = {path.name: path.read_text("utf-8") for path in GIVEN.iterdir()}
    problem = check_sharing(dict(os.environ), has_auth=bool(given["auth"].strip()))
    problem = problem or check_cache(CACHE, uid, gid)
    if problem:
        print(problem, file=sys.stderr)
        return 2
    for name, text in given.items():
        if text.strip():
            keep(name, text, uid)
        elif name != "teacher_key":
            (KEPT / name).unlink(missing_ok=True)
        elif (KEPT / name).exists():
            os.chown(KEPT / name, uid, gid)
        else:
            keep(name, secrets.token_urlsafe(18) + "\n", uid)
    if not (KEPT / "grafana_password").exists():
        keep("grafana_password", secrets.token_urlsafe(18), GRAFANA_UID)
    return 0


if __name__ == "__main__":
    sys.exit(main())
