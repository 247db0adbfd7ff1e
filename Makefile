# Every target installs what is missing; nothing else needs to be set up.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: install run test test-quick lint typecheck docs bench pocket pocket-small browser ray-test \
  up down container-test space

install: $(STAMP)

# torch and the rest in the versions of constraints.txt; done again only when these files change
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

run: $(STAMP)
	$(BIN)/python -m demo

# Chromium, nginx and Prometheus for the tests that drive them: as root on Debian what is missing is
# installed (and no service begun), elsewhere those tests are skipped
browser:
	@missing=; \
	[ -n "$$LAB_CHROMIUM" ] || [ -x /usr/bin/chromium ] || missing="chromium fonts-noto-cjk"; \
	[ -x /usr/sbin/nginx ] || missing="$$missing nginx-light"; \
	command -v prometheus >/dev/null || missing="$$missing prometheus prometheus-node-exporter-"; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -q $$missing; \
	fi

test: $(STAMP) browser lint typecheck
	$(BIN)/python -m pytest --durations=10

test-quick: $(STAMP)
	$(BIN)/python -m pytest -m 'not slow and not browser'

# in an environment of its own: Ray and what it brings are nothing that the page needs
RAY := .venv-ray/bin
RAY_STAMP := .venv-ray/installed

$(RAY_STAMP): pyproject.toml constraints.txt
	test -x $(RAY)/python || $(PYTHON) -m venv .venv-ray
	$(RAY)/python -m pip install --quiet --upgrade pip
	$(RAY)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,ray]'
	touch $(RAY_STAMP)

ray-test: $(RAY_STAMP)
	$(RAY)/python -m pytest -p no:cacheprovider -v --durations=0 tests/test_ray.py
	$(RAY)/python -m benchmarks.replicas

# GPU=1: the lab on the machine's GPUs; compose.yaml and .env.example say what can be set
up:
	deploy/up.sh $(if $(GPU),--gpu)

down:
	docker compose --profile '*' down --remove-orphans

# builds, starts, uses and stops the whole; takes minutes, and as root on Debian installs an engine
container-test: $(STAMP) browser
	LAB_CONTAINER_TEST=1 $(BIN)/python -m pytest -v -s -x --durations=0 tests/test_container.py

# the tree of a Hugging Face Docker Space: make space TO=folder
space:
	deploy/space.sh $(TO)

docs: $(STAMP)
	$(BIN)/python -m demo.docs

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: $(STAMP)
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.streams
	$(BIN)/python -m benchmarks.joining
	$(BIN)/python -m benchmarks.kv_memory
	$(BIN)/python -m benchmarks.ledger
	$(BIN)/python -m benchmarks.lean
	$(BIN)/python -m benchmarks.peers
	$(BIN)/python -m benchmarks.relay
	$(BIN)/python -m benchmarks.claims
	$(BIN)/python -m benchmarks.http
	$(BIN)/python -m benchmarks.scrape
	$(BIN)/python -m benchmarks.soak

pocket: $(STAMP)
	$(BIN)/python -m pocket.make --recipe full
	$(BIN)/python -m pocket.evaluate --card

pocket-small: $(STAMP)
	$(BIN)/python -m pocket.make --recipe small --work pocket-run/small --out pocket-run/weights
	$(BIN)/python -m pocket.evaluate --quick --weights pocket-run/weights --only stories instructions
