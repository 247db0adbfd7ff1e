# The lab for CPU or CUDA: the torch that pip finds decides which (docs/deploy.md).
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS packages
# pip reads these by itself: a mirror, or PyTorch's index of CPU builds
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_NO_INDEX
ARG PIP_TRUSTED_HOST
WORKDIR /src
COPY pyproject.toml constraints.txt ./
COPY deploy/requirements.py deploy/
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 deploy/requirements.py > requirements.txt \
    && python3 -m venv /venv \
    && /venv/bin/python -m pip install --constraint constraints.txt --requirement requirements.txt

FROM ${BASE_IMAGE}
RUN useradd --uid 1000 --create-home lab \
    && install --directory --owner lab --group lab /cache /cache/hub /cache/assets
# HOME is the one place, besides the cache, that libraries write to: a tmpfs where the rest is read-only
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    LOGNAME=lab \
    LAB_HOST=0.0.0.0 \
    LAB_PORT=7860 \
    HF_HOME=/cache \
    HF_HUB_CACHE=/cache/hub \
    HF_ASSETS_CACHE=/cache/assets
COPY --from=packages /venv /venv
WORKDIR /lab
COPY pocket/weights pocket/weights
COPY pocket/*.py pocket/
COPY benchmarks/results benchmarks/results
COPY deploy deploy
COPY backend backend
COPY demo demo
# what a training just wrote only its owner may read
RUN find . ! -perm -a=r -exec chmod a+rX {} + && python -m compileall -q backend demo pocket
USER 1000:1000
EXPOSE 7860
# a large model loads, or is downloaded, before the lab is ready
HEALTHCHECK --start-period=30m --interval=10s --timeout=5s --retries=6 \
    CMD ["python", "deploy/healthy.py"]
CMD ["python", "-m", "demo"]
