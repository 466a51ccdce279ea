LIBS_01-float-staging := $(CPU_LIBS)
