LIBS_09-batch-invariance := $(CPU_LIBS)
