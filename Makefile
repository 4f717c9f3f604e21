# The two commands are `make run` and `make test`. Each installs what it needs, on Debian 12.
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
BUILD := build/release

.PHONY: all setup build run test lint unit sanitize kernel lab lab-root bench fuzz kernel-oracle clean

all: build

setup:
	@$(SUDO) scripts/setup

build: setup
	@cmake --preset release > /dev/null
	@cmake --build --preset release

run: setup
	@$(SUDO) scripts/demo

# Reading the code keeps the processor busy, trying it out mostly waits: side by side, with the
# processor for the second whenever it wants it.
test: build
	@chrt --idle 0 $(MAKE) --no-print-directory lab-root lint sanitize > build/reading.log 2>&1 & \
	reading=$$!; \
	$(MAKE) --no-print-directory unit kernel lab; tried=$$?; \
	wait $$reading; read=$$?; cat build/reading.log; \
	[ $$tried -eq 0 ] && [ $$read -eq 0 ]
	@echo "make test: all parts passed"

lint: setup
	@scripts/lint

unit: build
	@ctest --test-dir $(BUILD) --output-on-failure -L unit

sanitize: setup
	@cmake --preset sanitize > /dev/null
	@cmake --build --preset sanitize --target unit_tests
	@ctest --test-dir build/sanitize --output-on-failure -R '^unit$$'

kernel: build
	@$(SUDO) ctest --test-dir $(BUILD) --output-on-failure --verbose -L kernel

# The model of packet filters against the kernel, a million packets; `make kernel` has a short one.
kernel-oracle: build
	@$(SUDO) $(BUILD)/tests/kernel_oracle 1000000 $(SEED)

# What the lab boots; made on the way where it is not there.
lab-root: setup
	@$(SUDO) lab/build "$$(scripts/build-deb)" > /dev/null

lab: setup
	@$(SUDO) scripts/lab-tests

# How long each fuzzer runs, in seconds.
FUZZ_SECONDS := 60
FUZZERS := nft_messages nft_json iptables_save policy_file

fuzz: setup
	@cmake --preset fuzz > /dev/null
	@cmake --build --preset fuzz
	@set -e; for name in $(FUZZERS); do \
	  mkdir -p build/fuzz/corpus/$$name; \
	  build/fuzz/tests/fuzz/$${name}_fuzz -max_total_time=$(FUZZ_SECONDS) -max_len=65536 \
	    -artifact_prefix=build/fuzz/$$name- build/fuzz/corpus/$$name tests/captures tests/golden; \
	done

bench: build
	@$(SUDO) $(BUILD)/bench/quaymaster-bench
	@$(SUDO) bench/daemon $(BUILD)

clean:
	rm -rf build
