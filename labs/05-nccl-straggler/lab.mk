LIBS_05-nccl-straggler := $(CPU_LIBS)
