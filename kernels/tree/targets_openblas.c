/*
 * targets_openblas.c: sums and dot products of OpenBLAS. sasum is here to be turned down: it adds
 * absolute values.
 */
#include <cblas.h>
#include <stdio.h>

#include "kernels/tree/targets.h"

static int sdot(void *context, const void *x, const void *y, size_t n, double *result) {
    (void)context;
    *result = cblas_sdot((blasint)n, x, 1, y, 1);
    return 0;
}

static int ddot(void *context, const void *x, const void *y, size_t n, double *result) {
    (void)context;
    *result = cblas_ddot((blasint)n, x, 1, y, 1);
    return 0;
}

static int ssum(void *context, const void *x, size_t n, double *result) {
    (void)context;
    *result = cblas_ssum((blasint)n, x, 1);
    return 0;
}

static int dsum(void *context, const void *x, size_t n, double *result) {
    (void)context;
    *result = cblas_dsum((blasint)n, x, 1);
    return 0;
}

static int sasum(void *context, const void *x, size_t n, double *result) {
    (void)context;
    *result = cblas_sasum((blasint)n, x, 1);
    return 0;
}

/* A 1 × n matrix times an n × 1 matrix: the sum over K of a matrix product. */
static int sgemm(void *context, const void *x, const void *y, size_t n, double *result) {
    (void)context;
    float c = 0.0f;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 1, 1, (blasint)n, 1.0f, x, (blasint)n, y,
                1, 0.0f, &c, 1);
    *result = c;
    return 0;
}

static int open_sum_f32(struct recover_target *target,
                        int (*sum)(void *, const void *, size_t, double *)) {
    *target = (struct recover_target){.type = ELEMENT_F32, .result = ELEMENT_F32, .sum = sum};
    return 0;
}

static int open_dot(struct recover_target *target, enum element type,
                    int (*dot)(void *, const void *, const void *, size_t, double *)) {
    *target = (struct recover_target){.type = type, .result = type, .dot = dot};
    return 0;
}

static int open_sdot(struct recover_target *target, size_t n, struct device *device) {
    (void)n, (void)device;
    return open_dot(target, ELEMENT_F32, sdot);
}

static int open_ddot(struct recover_target *target, size_t n, struct device *device) {
    (void)n, (void)device;
    return open_dot(target, ELEMENT_F64, ddot);
}

static int open_sgemm(struct recover_target *target, size_t n, struct device *device) {
    (void)n, (void)device;
    return open_dot(target, ELEMENT_F32, sgemm);
}

static int open_ssum(struct recover_target *target, size_t n, struct device *device) {
    (void)n, (void)device;
    return open_sum_f32(target, ssum);
}

static int open_dsum(struct recover_target *target, size_t n, struct device *device) {
    (void)n, (void)device;
    *target = (struct recover_target){.type = ELEMENT_F64, .result = ELEMENT_F64, .sum = dsum};
    return 0;
}

static int open_sasum(struct recover_target *target, size_t n, struct device *device) {
    (void)n, (void)device;
    return open_sum_f32(target, sasum);
}

static void close_nothing(struct recover_target *target) {
    (void)target;
}

static void version(char *text, size_t size) {
    snprintf(text, size, "%s, kernels for %s", openblas_get_config(), openblas_get_corename());
}

const struct tree_target tree_targets_openblas[] = {
    {"openblas-sdot", "OpenBLAS cblas_sdot", DEVICE_CPU, open_sdot, close_nothing, version, NULL,
     NULL},
    {"openblas-ddot", "OpenBLAS cblas_ddot", DEVICE_CPU, open_ddot, close_nothing, version, NULL,
     NULL},
    {"openblas-ssum", "OpenBLAS cblas_ssum", DEVICE_CPU, open_ssum, close_nothing, version, NULL,
     NULL},
    {"openblas-dsum", "OpenBLAS cblas_dsum", DEVICE_CPU, open_dsum, close_nothing, version, NULL,
     NULL},
    {"openblas-sasum", "OpenBLAS cblas_sasum", DEVICE_CPU, open_sasum, close_nothing, version, NULL,
     NULL},
    {"openblas-sgemm", "OpenBLAS cblas_sgemm, one output, sum over K", DEVICE_CPU, open_sgemm,
     close_nothing, version, NULL, NULL},
};
const size_t tree_targets_openblas_count =
    sizeof tree_targets_openblas / sizeof *tree_targets_openblas;
