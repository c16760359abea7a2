# make demo              install and find the faces in a photograph that scikit-image carries
# make demo PHOTO=path   the same for a photograph of your own
# make test              every check: lint, format, types, tests (what .ci/run runs)
# make install           install into .venv, nothing more
# make clean             remove .venv and everything built

PYTHON ?= $(firstword $(shell command -v python3.11 python3))
VENV := .venv
BIN := $(VENV)/bin
KERNELS := lasagnette/ops/kernels augment/kernels cascade/kernels
SOURCES := setup.py pyproject.toml $(wildcard requirements/*.txt) lasagnette/__init__.py \
	$(foreach folder,$(KERNELS),$(wildcard $(folder)/*.cpp $(folder)/*.h))

# A virtual environment without pip is made in a fraction of the time; the pip outside installs
# into it. Where there is none outside (Debian's python3.11-venv), the environment gets its own.
PIP = $(shell test -x $(BIN)/pip && echo "$(BIN)/python -m pip" || \
	echo "$(PYTHON) -m pip --python $(BIN)/python") --disable-pip-version-check --quiet
INSTALL = $(PIP) install --no-compile --no-warn-conflicts

.PHONY: demo test install clean

demo: $(VENV)/.installed$(if $(PHOTO),,-demo)
	@$(BIN)/lasagnette detect --out demo \
		"$(or $(PHOTO),$$($(BIN)/python -m scripts.demo))"

test: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

install: $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist *.egg-info demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find $(KERNELS) -name '*.so' -delete
	find . -name __pycache__ -prune -exec rm -rf {} +

# Each stamp says which extras are in .venv; what a larger set-up covers is not installed twice.
$(VENV)/.installed: $(SOURCES) | $(BIN)/python
	$(call setup,,.installed)

$(VENV)/.installed-demo: $(SOURCES) | $(BIN)/python
	$(call setup,demo,.installed .installed-demo)

$(VENV)/.installed-test: $(SOURCES) | $(BIN)/python
	$(call setup,demo test,.installed .installed-demo .installed-test)

$(BIN)/python:
	@echo "Making $(VENV) with $(PYTHON)" >&2
	@if $(PYTHON) -m pip --python "$$(command -v $(PYTHON))" --version >/dev/null 2>&1; then \
		$(PYTHON) -m venv --without-pip $(VENV); else $(PYTHON) -m venv $(VENV); fi

# The project's own kernels are compiled while the packages that it needs are unpacked.
define setup
	@echo "Installing into $(VENV); the first time downloads about 250 MB" >&2
	@$(INSTALL) --no-deps --editable . & own=$$!; \
	$(INSTALL) $(patsubst %,--requirement requirements/%.txt,core $(1)) && wait $$own
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
		version=$$($(BIN)/python -c 'from importlib.metadata import version as v; print(v("opencv-python"))'); \
		echo "This system lacks libraries that OpenCV's windows need: opencv-python-headless is installed instead" >&2; \
		$(PIP) uninstall --yes opencv-python && \
		$(INSTALL) --no-deps --force-reinstall "opencv-python-headless==$$version"; }
	@touch $(addprefix $(VENV)/,$(2))
endef
