# The two commands are `make run` and `make test`. Each installs what it needs, on Debian 12.
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
BUILD := build/release

.PHONY: all setup build run test lint unit sanitize kernel lab bench fuzz clean

all: build

setup:
	@$(SUDO) scripts/setup

build: setup
	@cmake --preset release > /dev/null
	@cmake --build --preset release

run: setup
	@$(SUDO) scripts/demo

test: lint unit sanitize kernel lab
	@echo "make test: all parts passed"

lint: build
	@scripts/lint

unit: build
	@ctest --test-dir $(BUILD) --output-on-failure -L unit

sanitize: setup
	@cmake --preset sanitize > /dev/null
	@cmake --build --preset sanitize --target unit_tests
	@ctest --test-dir build/sanitize --output-on-failure -R '^unit$$'

kernel: build
	@$(SUDO) ctest --test-dir $(BUILD) --output-on-failure --verbose -L kernel

lab: setup
	@$(SUDO) scripts/lab-tests

# How long each fuzzer runs, in seconds.
FUZZ_SECONDS := 30

fuzz: setup
	@cmake --preset fuzz > /dev/null
	@cmake --build --preset fuzz
	@mkdir -p build/fuzz/corpus
	@build/fuzz/tests/fuzz/nft_messages_fuzz -max_total_time=$(FUZZ_SECONDS) -max_len=65536 \
	  build/fuzz/corpus tests/captures

bench: build
	@$(SUDO) $(BUILD)/bench/quaymaster-bench
	@$(SUDO) bench/daemon $(BUILD)

clean:
	rm -rf build
