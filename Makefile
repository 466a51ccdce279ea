# nanolab. `make help` lists the targets. Everything is found by its place: a new lab, kernel
# family or test needs no line here.

.DEFAULT_GOAL := build
SHELL := /bin/bash
B ?= build
# `make V=1` shows whole commands.
Q := $(if $(V),,@)

CC := gcc
CXX := g++
CLANGXX ?= clang++
NVCC ?= $(shell command -v nvcc 2>/dev/null || ls /usr/local/cuda/bin/nvcc 2>/dev/null)
CUDA_HOME ?= $(patsubst %/bin/nvcc,%,$(NVCC))

# --- flags ---------------------------------------------------------------------------------------
# Bits are sacred: no flag here may change a value. -ffp-contract=off keeps compilers from making
# FMAs that nobody wrote; -fmad=false and the rest do it for nvcc.
# A table leaves out what is 0 in a row.
WARN := -Wall -Wextra -Werror -Wno-missing-field-initializers
INC := -I.
# SAN is set by the sanitised build (see `make test-asan`), which has its own $(B).
CFLAGS := -std=gnu11 -O2 -g $(WARN) -ffp-contract=off -pthread $(INC) $(SAN)
CXXFLAGS := -std=c++17 -O2 -g $(WARN) -ffp-contract=off -pthread $(INC) $(SAN)
# The SIMT machine's two ways to compile a .cu (see docs/architecture.md).
SIMTFLAGS := -std=c++17 -O2 -g -Wall -Wextra -Werror -Wno-unknown-pragmas -Wno-undefined-internal -ffp-contract=off \
             -femulated-tls -fno-optimize-sibling-calls -pthread $(INC) \
             -x c++ -include kernels/simt/cuda_subset.h
CHECKEDFLAGS := -fsanitize=thread -mllvm -tsan-instrument-func-entry-exit=0 \
                -mllvm -tsan-instrument-read-before-write=1 -mllvm -tsan-distinguish-volatile=1 \
                -mllvm -disable-loop-idiom-all \
                -fsanitize=alignment,array-bounds,local-bounds,integer-divide-by-zero \
                -fno-sanitize-trap=alignment,array-bounds,integer-divide-by-zero \
                -DSIMT_CHECKED=1
# An `extern __shared__` array is defined nowhere: its address is NULL, the machine's dynamic part.
WEAKEN = objcopy --wildcard --weaken-symbol='__emutls_v.*' $@
# clang copies structs by calls it does not announce: in checked kernels the machine's own do it.
CHECK_COPIES = objcopy $(foreach f,memcpy memmove memset,--redefine-sym $(f)=simt_checked_$(f)) $@
# By way of LLVM assembly, to which ir.awk adds calls: what it adds, how to compile, and again.
SIMT_IR = $(CLANGXX) $(2) $(DEPS) -MT $@ -Xclang -disable-llvm-passes -S -emit-llvm $< -o $@.ll && \
  awk -v $(1)=1 -f kernels/simt/ir.awk $@.ll >$@.more.ll && \
  $(CLANGXX) -O2 -ffp-contract=off -femulated-tls -fno-optimize-sibling-calls $(3) \
    -c $@.more.ll -o $@ && rm $@.ll $@.more.ll
CUDA_BITS := -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
CUDA_ARCH := -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=sm_90 \
             -gencode arch=compute_80,code=compute_80
NVCCFLAGS := -std=c++17 -O3 -lineinfo $(CUDA_BITS) $(CUDA_ARCH) $(INC) -Xcompiler -Wall,-Wextra
DEPS = -MMD -MP -MF $(@:.o=.d)

# Files that exist for speed alone, where the instruction set is chosen at run time by the code.
# (No per-file flags so far: target attributes in the source do it.)

# --- what there is -------------------------------------------------------------------------------
MAINS := harness/cli/nanolab.c harness/cli/lab_main.c
HARNESS_C := $(filter-out %_test.c %_fuzz.c $(MAINS),$(wildcard harness/*.c harness/*/*.c))
HARNESS_CC := $(filter-out %_test.cc,$(wildcard harness/*/*.cc))
KERNEL_C := $(filter-out %_test.c %_fuzz.c,$(wildcard kernels/*/*.c))
KERNEL_CC := $(filter-out %_test.cc,$(wildcard kernels/*/*.cc))
KERNEL_CU := $(filter-out %_test.cu,$(filter-out kernels/device/%,$(wildcard kernels/*/*.cu)))
DEVICE_CU := $(wildcard kernels/device/*.cu)
# Kernels with planted bugs, for the tests of the SIMT machine: never built by nvcc into anything.
TEST_CU := $(wildcard kernels/*/*_test.cu)
LABS := $(sort $(patsubst labs/%/lab.c,%,$(wildcard labs/*/lab.c)))
TOOLS := $(filter-out %_test.c %_child.c,$(wildcard tools/*.c))
# Programs that a tool starts for itself, linked to the C library alone: strangers' code runs there.
CHILDREN := $(wildcard tools/*_child.c)
TESTS := $(wildcard harness/*_test.c harness/*/*_test.c kernels/*/*_test.c labs/*/*_test.c tools/*_test.c \
                    scripts/*_test.c)
FUZZ := $(wildcard harness/*/*_fuzz.c)

o = $(patsubst %,$(B)/obj/%.o,$(1))
# The objects of .cu files: for the SIMT machine twice, and for GPUs if there is an nvcc.
cu_o = $(foreach by,simt checked $(if $(NVCC),cuda),$(patsubst %,$(B)/obj/%.$(by).o,$(1)))
HARNESS_O := $(call o,$(HARNESS_C) $(HARNESS_CC))
KERNEL_O := $(call o,$(KERNEL_C) $(KERNEL_CC)) $(call cu_o,$(KERNEL_CU))
TEST_CU_O := $(patsubst %,$(B)/obj/%.simt.o,$(TEST_CU)) $(patsubst %,$(B)/obj/%.checked.o,$(TEST_CU))
# What is a lab's own: all the C and CUDA C in its folder.
lab_o = $(call o,$(filter-out %_test.c,$(wildcard labs/$(1)/*.c))) $(call cu_o,$(wildcard labs/$(1)/*.cu))

LIBS := -lbenchmark -ljansson -lmd4c-html -lmd4c -lcrypto -lhwloc -lnuma -lmpfr -lgmp -lboost_context -lstdc++ -ldl -lm -lpthread -lrt
ifneq ($(NVCC),)
KERNEL_O += $(patsubst %,$(B)/obj/%.cuda.o,$(DEVICE_CU))
CFLAGS += -DNANOLAB_CUDA=1
CXXFLAGS += -DNANOLAB_CUDA=1
# For harness/measure/nvtx.h: the toolkit brings the profiler ranges' headers.
CXXFLAGS += -isystem $(CUDA_HOME)/include
LIBS += -L$(CUDA_HOME)/lib64 -lcudart_static -ldl -lrt
endif
# What a result says about its source: one object, made again when the version changes.
VERSION := $(shell git describe --always --tags --dirty 2>/dev/null || echo unknown)
BUILD_FLAGS := $(CFLAGS)
# CPU matrix libraries under test; only what names them pays for them.
CPU_LIBS := -lopenblas -ldnnl

# --- rules ---------------------------------------------------------------------------------------
CHILD_BINS := $(patsubst tools/%_child.c,$(B)/libexec/nanolab-%-child,$(CHILDREN))
BINS := $(B)/bin/nanolab $(patsubst %,$(B)/labs/%,$(LABS)) \
        $(patsubst tools/%.c,$(B)/bin/nanolab-%,$(TOOLS)) $(CHILD_BINS)
TEST_BINS := $(patsubst %.c,$(B)/tests/%,$(TESTS))
ARCHIVES := $(B)/lib/libharness.a $(B)/lib/libkernels.a

.PHONY: build
build: $(BINS)  ## everything a user runs

$(B)/obj/%.c.o: %.c
	@mkdir -p $(@D)
	@echo "  CC       $<"
	$(Q)$(CC) $(CFLAGS) $(DEPS) -c $< -o $@
$(B)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
.PHONY: FORCE
$(B)/obj/harness/store/build_info.c.o: $(B)/version
$(B)/obj/harness/store/build_info.c.o: CFLAGS += -DNANOLAB_VERSION='"$(VERSION)"' \
  -DNANOLAB_FLAGS='"$(BUILD_FLAGS)"'
$(B)/obj/%.cc.o: %.cc
	@mkdir -p $(@D)
	@echo "  C++      $<"
	$(Q)$(CXX) $(CXXFLAGS) $(DEPS) -c $< -o $@
$(B)/obj/kernels/simt/%.cc.o: kernels/simt/%.cc
	@mkdir -p $(@D)
	@echo "  C++      $<"
	$(Q)$(CXX) $(CXXFLAGS) $(DEPS) -c $< -o $@
$(B)/obj/%.cu.simt.o: %.cu
	@mkdir -p $(@D)
	@echo "  CLANG++  $<"
	$(Q)if grep -qsw volatile $< $(<D)/*.cuh; then $(call SIMT_IR,volatile,$(SIMTFLAGS),); \
	else $(CLANGXX) $(SIMTFLAGS) $(SIMT_SAN) $(DEPS) -c $< -o $@; fi
	@$(WEAKEN)
$(B)/obj/%.cu.checked.o: %.cu
	@mkdir -p $(@D)
	@echo "  CLANG++  $<"
	$(Q)$(call SIMT_IR,aligned,$(SIMTFLAGS) $(CHECKEDFLAGS),$(CHECKEDFLAGS))
	@$(WEAKEN)
	@$(CHECK_COPIES)
# What the compiler says of registers and spills is kept beside each object: scripts/registers.
$(B)/obj/%.cu.cuda.o: %.cu
	@mkdir -p $(@D)
	@echo "  NVCC     $<"
	$(Q)$(NVCC) $(NVCCFLAGS) -Xptxas -v -MMD -MP -MF $(@:.o=.d) -c $< -o $@ 2>$(@:.o=.ptxas) || \
	  { cat $(@:.o=.ptxas) >&2; exit 1; }
	@grep -v -e '^ptxas info' -e 'bytes stack frame' $(@:.o=.ptxas) >&2 || true

$(B)/lib/libharness.a: $(HARNESS_O)
	@mkdir -p $(@D)
	@rm -f $@
	@echo "  AR       $@"
	$(Q)ar rcs $@ $^
$(B)/lib/libkernels.a: $(KERNEL_O)
	@mkdir -p $(@D)
	@rm -f $@
	@echo "  AR       $@"
	$(Q)ar rcs $@ $^

LINK = $(CXX) $(SAN) -pthread -Wl,--as-needed -Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../lib'

$(B)/bin/nanolab: $(call o,harness/cli/nanolab.c) $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LINK     $@"
	$(Q)$(LINK) $^ $(LIBS) -o $@

# A lab is what lies in its folder, the harness' main, and the libraries it names in lab.mk.
-include $(wildcard labs/*/lab.mk)
define LAB_RULE
$(B)/labs/$(1): $(call lab_o,$(1)) $$(call o,harness/cli/lab_main.c) $(ARCHIVES)
	@mkdir -p $$(@D)
	@echo "  LINK     $$@"
	$$(Q)$$(LINK) $$^ $$(LIBS_$(1)) $$(LIBS) -o $$@
endef
$(foreach l,$(LABS),$(eval $(call LAB_RULE,$(l))))

define TOOL_RULE
$(B)/bin/nanolab-$(notdir $(1:.c=)): $$(call o,$(1)) $(ARCHIVES)
	@mkdir -p $$(@D)
	@echo "  LINK     $$@"
	$$(Q)$$(LINK) $$^ $$(CPU_LIBS) $$(LIBS) -o $$@
endef
$(foreach t,$(TOOLS),$(eval $(call TOOL_RULE,$(t))))

# Never sanitised: neither is the code that it loads.
$(B)/libexec/nanolab-%-child: tools/%_child.c
	@mkdir -p $(@D)
	@echo "  LINK     $@"
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) $(INC) -MMD -MP -MF $@.d $< -o $@ -ldl -lm
$(B)/bin/nanolab-reveal: | $(B)/libexec/nanolab-reveal-child
$(B)/tests/kernels/tree/child_target_test $(B)/tests/tools/reveal_nasty_test: | $(B)/libexec/nanolab-reveal-child

# A test links its lab's other files (without main), the archives and cmocka; tests of the SIMT
# machine also their planted kernels.
define TEST_RULE
$(B)/tests/$(1:.c=): $$(call o,$(1)) $$(if $$(filter labs/%,$(1)),$$(call lab_o,$(word 2,$(subst /, ,$(1))))) $$(if $$(filter kernels/%,$(1)),$$(filter $(B)/obj/$(dir $(1))%,$$(TEST_CU_O))) $(ARCHIVES)
	@mkdir -p $$(@D)
	@echo "  LINK     $$@"
	$$(Q)$$(LINK) $$^ $$(if $$(filter labs/%,$(1)),$$(LIBS_$(word 2,$(subst /, ,$(1))))) $$(CPU_LIBS) -lcmocka $$(LIBS) -o $$@
endef
$(foreach t,$(TESTS),$(eval $(call TEST_RULE,$(t))))

.PHONY: tests
tests: $(TEST_BINS)

# --- what a user types -----------------------------------------------------------------------------
OUT = results/$(shell date +%Y%m%d-%H%M%S)

.PHONY: run
run:  ## installs what is missing, builds, runs all labs in quick mode, draws and reports
	scripts/install-deps
	$(MAKE) --no-print-directory -j$(JOBS) build
	$(B)/bin/nanolab run --all --quick --page --out $(OUT)

.PHONY: $(foreach l,$(LABS),lab-$(firstword $(subst -, ,$(l))))
define LAB_TARGET
lab-$(firstword $(subst -, ,$(1))): build
	$(B)/bin/nanolab run $(1) --quick --page --out $$(OUT)
endef
$(foreach l,$(LABS),$(eval $(call LAB_TARGET,$(l))))

.PHONY: $(foreach l,$(LABS),exercise-$(firstword $(subst -, ,$(l))))
define EXERCISE_TARGET
exercise-$(firstword $(subst -, ,$(1))): build
	labs/$(1)/exercise/check
endef
$(foreach l,$(LABS),$(if $(wildcard labs/$(l)/exercise/check),$(eval $(call EXERCISE_TARGET,$(l)))))

.PHONY: test
test:  ## installs what is missing, builds everything, runs every test, sanitised too, and fuzzes
	scripts/install-deps --test
	$(MAKE) --no-print-directory -j$(JOBS) build tests
	$(MAKE) --no-print-directory -j$(JOBS) $(ASAN) build tests
	$(MAKE) --no-print-directory -j$(JOBS) fuzz-build
	scripts/test $(B) $(B)/asan $(B)/fuzz

# The sanitised build leaves the GPU out, and so also proves that all works without nvcc.
ASAN := B=$(B)/asan NVCC= SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined \
        -fno-omit-frame-pointer"

.PHONY: fuzz-build
FUZZ_BINS := $(patsubst %.c,$(B)/fuzz/%,$(notdir $(FUZZ)))
fuzz-build: $(FUZZ_BINS)
# One compiler call each: coverage needs every file of the harness instrumented.
$(B)/fuzz/%: $(HARNESS_C) $(call o,$(HARNESS_CC)) $(B)/lib/libkernels.a $(FUZZ)
	@mkdir -p $(@D)
	@echo "  FUZZ     $@"
	$(Q)clang -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -O1 -g -std=gnu11 \
	  $(INC) -pthread $(filter %/$*.c,$(FUZZ)) $(HARNESS_C) $(call o,$(HARNESS_CC)) $(B)/lib/libkernels.a $(LIBS) -o $@

.PHONY: bundle
bundle: build  ## one archive that runs on a GPU machine with a driver and no root
	scripts/bundle $(B) $(B)/nanolab.tar.gz

.PHONY: lint
lint:  ## clang-tidy and cppcheck
	$(Q)clang-tidy --quiet $(HARNESS_C) $(KERNEL_C) $(wildcard labs/*/*.c tools/*.c) -- $(filter-out -Werror,$(CFLAGS))
	$(Q)cppcheck --quiet --std=c11 --enable=warning,portability --error-exitcode=1 --inline-suppr \
	  -I. harness kernels labs tools

.PHONY: format
format:  ## clang-format over all C, C++ and CUDA
	$(Q)clang-format -i $(wildcard harness/*.[ch] harness/*/*.[ch] harness/*/*.cc tools/*.[ch] kernels/*/*.[ch] kernels/*/*.cc kernels/*/*.cu kernels/*/*.cuh kernels/*/*.inc labs/*/*.[ch] labs/*/*.cu labs/*/exercise/*.c labs/*/exercise/*/*.c)

.PHONY: help
help:  ## this list
	@echo "make [target]"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10 | sed 's/^/  /'
	@echo "  exercise-NN  checks what you wrote for a lab's exercises"
	@echo "  lab-NN  runs one lab in quick mode: $(foreach l,$(LABS),lab-$(firstword $(subst -, ,$(l))))"

JOBS ?= $(shell nproc)

.PHONY: clean
clean:  ## removes $(B)
	rm -rf $(B)

-include $(shell find $(B)/obj $(B)/libexec -name '*.d' 2>/dev/null)
