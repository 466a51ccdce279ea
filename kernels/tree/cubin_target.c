/*
 * cubin_target.c: a kernel of a cubin as a target (cubin_target.h).
 */
#include "kernels/tree/cubin_target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/device/device.h"
#include "kernels/sass/sass.h"

#define FILE_MAX ((size_t)1 << 30)
#define KERNELS_MAX 4096
#define NAMES_SHOWN 4

struct runner {
    struct cubin_spec spec;
    uint8_t *bytes; /* the file's */
    struct sass_cubin *cubin;
    const struct sass_program *program;
    void *x, *y, *result; /* the machine's memory */
    size_t each;          /* bytes of an element */
};

static int read_file(struct runner *r, size_t *size) {
    FILE *file = fopen(r->spec.file, "rbe");
    if (!file)
        return device_fail("%.200s: %s; give a cubin (nvcc -cubin makes one)", r->spec.file,
                           strerror(errno));
    long length = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    rewind(file);
    bool good = length > 0 && (size_t)length <= FILE_MAX;
    r->bytes = good ? malloc((size_t)length) : NULL;
    good = r->bytes && fread(r->bytes, 1, (size_t)length, file) == (size_t)length;
    fclose(file);
    *size = good ? (size_t)length : 0;
    return good ? 0 : device_fail("%.200s: cannot be read, or is no cubin", r->spec.file);
}

static bool is_named(const char *symbol, const char *name) {
    char plain[300];
    ptx_shown_name(symbol, plain, sizeof plain);
    return strcmp(symbol, name) == 0 || strcmp(plain, name) == 0;
}

/* The symbol of the kernel that was asked for, or NULL with the names of some others. */
static const char *find_symbol(const struct runner *r) {
    static _Thread_local const char *names[KERNELS_MAX];
    char others[300] = "";
    const char *found = NULL;
    size_t count = sass_cubin_kernels(r->cubin, names, KERNELS_MAX), matches = 0;
    if (count > KERNELS_MAX)
        count = KERNELS_MAX;
    for (size_t k = 0; k < count; k++) {
        char plain[100];
        size_t used = strlen(others);
        ptx_shown_name(names[k], plain, sizeof plain);
        if (k < NAMES_SHOWN)
            snprintf(others + used, sizeof others - used, "%s%.60s", k ? ", " : "", plain);
        if (!is_named(names[k], r->spec.kernel))
            continue;
        found = names[k];
        matches++;
    }
    if (matches == 1)
        return found;
    if (matches)
        device_fail("%zu kernels of %.150s have the name %.80s; give a symbol", matches,
                    r->spec.file, r->spec.kernel);
    else
        device_fail("%.150s has no kernel %.80s; it has %zu: %s%s", r->spec.file, r->spec.kernel,
                    count, others, count > NAMES_SHOWN ? ", ..." : "");
    return NULL;
}

/* Pointers, and the number at the end. */
static int check_params(const struct runner *r) {
    const struct sass_program *p = r->program;
    unsigned pointers = r->spec.dot ? 3 : 2;
    bool good = p->param_count == pointers + 1 &&
                (p->params[pointers].size == 4 || p->params[pointers].size == 8);
    for (unsigned k = 0; good && k < pointers; k++)
        good = p->params[k].size == 8;
    return good ? 0
                : device_fail("the kernel %.100s does not take (const T *x, %sT *result, n)",
                              p->plain, r->spec.dot ? "const T *y, " : "");
}

static int run_products(void *context, const void *x, const void *y, size_t n, double *result) {
    struct runner *r = context;
    uint64_t number = n;
    void *arguments[] = {&r->x, &r->y, &r->result, &number};
    void *sum_arguments[] = {&r->x, &r->result, &number};
    struct ptx_launch launch = {.grid = {r->spec.blocks, 1, 1},
                                .block = {r->spec.threads, 1, 1},
                                .arguments = r->spec.dot ? arguments : sum_arguments};
    memcpy(r->x, x, n * r->each);
    if (r->spec.dot)
        memcpy(r->y, y, n * r->each);
    memset(r->result, 0xff, r->each); /* a result that nobody writes is a NaN */
    if (sass_launch(r->program, &launch) != 0)
        return -1;
    *result = r->spec.type == ELEMENT_F64 ? *(double *)r->result : (double)*(float *)r->result;
    return 0;
}

static int run_sum(void *context, const void *x, size_t n, double *result) {
    return run_products(context, x, NULL, n, result);
}

int cubin_target_open(struct recover_target *target, const struct cubin_spec *spec, size_t n) {
    size_t size;
    struct runner *r = calloc(1, sizeof *r);
    *target = (struct recover_target){.type = spec->type,
                                      .result = spec->type,
                                      .sum = spec->dot ? NULL : run_sum,
                                      .dot = spec->dot ? run_products : NULL,
                                      .copies = true,
                                      .context = r};
    if (!r)
        return device_fail("out of memory");
    r->spec = *spec;
    r->spec.blocks = spec->blocks ? spec->blocks : 1;
    r->spec.threads = spec->threads ? spec->threads : 256;
    r->each = spec->type == ELEMENT_F64 ? 8 : 4;
    if (read_file(r, &size) != 0 || sass_cubin_open(&r->cubin, r->bytes, size) != 0)
        return -1;
    const char *symbol = find_symbol(r);
    if (!symbol || sass_cubin_kernel(r->cubin, symbol, &r->program) != 0 || check_params(r) != 0)
        return -1;
    r->x = ptx_malloc(n * r->each);
    r->y = spec->dot ? ptx_malloc(n * r->each) : NULL;
    r->result = ptx_malloc(r->each);
    if (!r->x || !r->result || (spec->dot && !r->y))
        return device_fail("no memory for %zu inputs: use a smaller -n", n);
    return 0;
}

unsigned cubin_target_arch(const struct recover_target *target) {
    const struct runner *r = target->context;
    return r->program->arch;
}

void cubin_target_close(struct recover_target *target) {
    struct runner *r = target->context;
    target->context = NULL;
    if (!r)
        return;
    ptx_free(r->x);
    ptx_free(r->y);
    ptx_free(r->result);
    sass_cubin_close(r->cubin);
    free(r->bytes);
    free(r);
}
