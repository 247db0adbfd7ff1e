"""What the container test needs where there is no image registry: engine, base image, wheels.

Docker's engine, if none answers, is Debian's, started here; the base image is made by mmdebstrap,
Prometheus' around Debian's package; the wheels are pip's own choice, served to the build. What is
slow to make is kept in LAB_CONTAINER_CACHE, outside the repository.
"""

import functools
import http.server
import ipaddress
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT

CACHE = Path(os.environ.get("LAB_CONTAINER_CACHE") or Path.home() / ".cache/llm-tutorial-lab")
SUITE, PLUGINS = "bookworm", "trixie"  # of Debian; the older one's engine has no compose
BASE, PROMETHEUS = "lab-test-base", "lab-test-prometheus"
WHEELS_PORT = 8971  # always the same, so that the layer with the packages is kept
DOCKERFILE = f"""
FROM {BASE}
COPY usr /usr
RUN install --directory --owner 65534 --group 65534 /prometheus
USER 65534:65534
WORKDIR /tmp
ENTRYPOINT ["/usr/bin/prometheus"]
"""


def run(*command: str | Path, **options: object) -> str:
    """Run a command; return what it wrote, or fail with it."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}"
    return str(done.stdout)


def answers(*command: str) -> bool:
    """True where a command is there and succeeds."""
    if not shutil.which(command[0]):
        return False
    return subprocess.run(command, capture_output=True).returncode == 0


def install(*packages: str) -> None:
    """Install Debian packages, or skip the test with the reason."""
    if all(shutil.which(package) or answers("dpkg", "-s", package) for package in packages):
        return
    if os.geteuid() or not shutil.which("apt-get"):
        pytest.skip(f"needs {', '.join(packages)}: they are installed only as root on Debian")
    run("apt-get", "update", "-q")
    run(
        *("apt-get", "install", "-y", "-q", "--no-install-recommends", *packages),
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )


@contextmanager
def engine() -> Iterator[None]:
    """An engine with compose and buildx, in this process's environment while the block lasts."""
    CACHE.mkdir(parents=True, exist_ok=True)
    before = dict(os.environ)
    started = None
    if not answers("docker", "info"):
        install("docker.io", "iptables")
        started = start()
    if not answers("docker", "compose", "version") or not answers("docker", "buildx", "version"):
        os.environ["DOCKER_CONFIG"] = str(plugins())
    os.environ["DOCKER_BUILDKIT"] = "1"
    yield
    if started:
        started.terminate()
        started.wait(60)
    os.environ.clear()
    os.environ.update(before)


def start() -> "subprocess.Popen[bytes]":
    """Start Debian's engine with all it holds under the cache."""
    folder = CACHE / "engine"
    folder.mkdir(exist_ok=True)
    socket = f"unix://{folder}/docker.sock"
    os.environ["DOCKER_HOST"] = socket
    log = open(folder / "log", "wb")  # noqa: SIM115  # the engine's, as long as it runs
    process = subprocess.Popen(
        [
            *("dockerd", "--host", socket, "--group", "root", "--pidfile", str(folder / "pid")),
            *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        ],
        stdout=log,
        stderr=log,
    )
    until = time.monotonic() + 60
    while not answers("docker", "info"):
        assert process.poll() is None, (folder / "log").read_text()[-3000:]
        assert time.monotonic() < until, "the engine does not answer"
        time.sleep(0.5)
    return process


def plugins() -> Path:
    """Return a DOCKER_CONFIG with compose and buildx of a newer Debian, fetched by its own apt."""
    config = CACHE / "docker-config"
    if not (config / "cli-plugins" / "docker-buildx").exists():
        folder = CACHE / "apt"
        for name in ("lists/partial", "archives/partial", "empty"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        sites = run("apt-get", "indextargets", "--format", "$(SITE)", "Codename: " + SUITE)
        (folder / "sources").write_text(f"deb {sites.split()[0]} {PLUGINS} main\n")
        (folder / "conf").write_text(
            f'Dir::Etc::SourceList "{folder}/sources"; Dir::Etc::SourceParts "{folder}/empty";'
            f'Dir::State::Lists "{folder}/lists"; Dir::Cache::Archives "{folder}/archives";'
            f'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";'
        )
        env = {**os.environ, "APT_CONFIG": str(folder / "conf")}
        run("apt-get", "update", "-q", env=env)
        run("apt-get", "download", "docker-compose", "docker-buildx", cwd=folder, env=env)
        for package in folder.glob("*.deb"):
            run("dpkg", "-x", package, folder / "root")
        (config / "cli-plugins").mkdir(parents=True, exist_ok=True)
        for found in (folder / "root").glob("**/cli-plugins/docker-*"):
            shutil.copy2(found, config / "cli-plugins" / found.name)
    return config


def base_image() -> str:
    """Return a base image: Python on Debian, made once, without anything of this machine."""
    if not answers("docker", "image", "inspect", BASE):
        tar = CACHE / "base.tar"
        if not tar.exists():
            install("mmdebstrap")
            made = tar.with_name("making.tar")
            run(
                *("mmdebstrap", "--variant=minbase", "--components=main", SUITE, made),
                "--include=ca-certificates,python3,python3-venv",
            )
            made.rename(tar)
        run("docker", "import", tar, BASE)
    return BASE


def prometheus_image() -> str:
    """Return an image of Debian's Prometheus."""
    if not answers("docker", "image", "inspect", PROMETHEUS):
        folder = CACHE / "prometheus"
        folder.mkdir(exist_ok=True)
        run("apt-get", "download", "prometheus", cwd=folder)
        run("dpkg", "-x", next(folder.glob("*.deb")), folder / "root")
        (folder / "root" / "Dockerfile").write_text(DOCKERFILE)
        run("docker", "build", "--tag", PROMETHEUS, folder / "root")
    return PROMETHEUS


@contextmanager
def wheels() -> Iterator[dict[str, str]]:
    """Serve the packages of constraints.txt to a build; yield pip's settings for it."""
    folder = CACHE / "wheels"
    needed = run(sys.executable, "deploy/requirements.py", cwd=ROOT)
    (CACHE / "requirements.txt").write_text(needed)
    run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", folder),
        *("--constraint", ROOT / "constraints.txt", "--requirement", CACHE / "requirements.txt"),
    )
    subnet = run(
        *("docker", "network", "inspect", "bridge"),
        *("--format", "{{(index .IPAM.Config 0).Subnet}}"),
    )
    gateway = str(ipaddress.ip_network(subnet.strip())[1])
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer((gateway, WHEELS_PORT), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": f"http://{gateway}:{WHEELS_PORT}/",
        "PIP_TRUSTED_HOST": gateway,
    }
    server.shutdown()
    server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        return None
