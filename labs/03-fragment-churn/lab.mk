LIBS_03-fragment-churn := $(CPU_LIBS) -lgomp
