/*
 * paged_memory.c: keys and values in a device's memory.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/paged_attention/paged_job.h"
#include "kernels/paged_attention/paged_layout.h"
#include "kernels/rng/data.h"
#include "kernels/threads/threads.h"

/* --- opening -----------------------------------------------------------------------------------
 */

/* Not on a CPU: device memory, and a copy of it to compare with. */
static int open_copies(struct paged_memory *memory) {
    void **device_memory[2] = {&memory->k, &memory->v};
    for (int side = 0; side < 2; side++) {
        memory->host[side] = malloc(memory->bytes ? memory->bytes : 1);
        if (!memory->host[side])
            return device_fail("out of host memory for a copy of %zu MiB of keys or values",
                               memory->bytes >> 20);
        if (device_alloc(memory->device, device_memory[side], memory->bytes ? memory->bytes : 16))
            return -1;
    }
    return 0;
}

static int open_memory(struct paged_memory *memory, struct device *device, enum element element,
                       size_t bytes, enum pages_kind kind) {
    *memory =
        (struct paged_memory){.device = device, .element = element, .bytes = bytes, .kind = kind};
    if (device_kind(device) != DEVICE_CPU)
        return open_copies(memory);
    for (int side = 0; side < 2; side++)
        if (pages_alloc(&memory->pages[side], bytes ? bytes : 1, kind) != 0)
            return -1;
    memory->k = memory->pages[0].memory;
    memory->v = memory->pages[1].memory;
    return 0;
}

static void *host_side(const struct paged_memory *memory, int side) {
    return memory->host[side] ? memory->host[side] : memory->pages[side].memory;
}

/* What was changed in host memory goes to the device. */
static int hand_over(struct paged_memory *memory) {
    if (!memory->host[0] || memory->bytes == 0)
        return 0;
    if (device_write(memory->device, memory->k, memory->host[0], memory->bytes) != 0)
        return -1;
    return device_write(memory->device, memory->v, memory->host[1], memory->bytes);
}

/* The end of both ways to open: 0, or -1 and nothing left open. */
static int opened(struct paged_memory *memory, int status) {
    if (status == 0)
        status = hand_over(memory);
    if (status != 0)
        paged_memory_close(memory);
    return status;
}

void paged_memory_close(struct paged_memory *memory) {
    if (memory->device && device_kind(memory->device) != DEVICE_CPU) {
        device_free(memory->device, memory->k);
        device_free(memory->device, memory->v);
    }
    for (int side = 0; side < 2; side++) {
        pages_free(&memory->pages[side]);
        free(memory->host[side]);
    }
    *memory = (struct paged_memory){0};
}

/* --- normal numbers throughout -----------------------------------------------------------------
 */

/* One stretch of random numbers is repeated. Its length is a prime, so that every block begins at
 * another place of it and no two blocks are alike. */
#define STRETCH 262147

struct filling {
    const char *stretch;
    size_t repeat, bytes;
    char *to;
};

/* Part `index`, in whole repeats. */
static void fill_part(void *context, unsigned index, unsigned count) {
    const struct filling *f = context;
    for (size_t at = index * f->repeat; at < f->bytes; at += count * f->repeat)
        memcpy(f->to + at, f->stretch, f->bytes - at < f->repeat ? f->bytes - at : f->repeat);
}

static int fill(void *to, size_t bytes, enum element element, uint64_t seed) {
    size_t repeat = STRETCH * element_bytes(element);
    const struct data_options options = {.seed = seed};
    struct pool *pool = pool_shared(pool_cpus());
    void *stretch = malloc(repeat);
    struct filling f = {.stretch = stretch, .repeat = repeat, .bytes = bytes, .to = to};
    int status = pool && stretch ? data_fill(DATA_NORMAL, element, &options, stretch, STRETCH) : -1;
    if (status == 0)
        pool_run(pool, fill_part, &f);
    free(stretch);
    return status == 0
               ? 0
               : device_fail("out of memory to fill %zu MiB of keys or values", bytes >> 20);
}

int paged_memory_open(struct paged_memory *memory, struct device *device, enum element element,
                      size_t bytes, enum pages_kind kind, uint64_t seed) {
    *memory = (struct paged_memory){0};
    if (element != ELEMENT_F32 && element != ELEMENT_BF16 && element != ELEMENT_F16)
        return device_fail("keys and values of %s are not supported: f32, bf16 or f16",
                           element_word(element));
    int status = open_memory(memory, device, element, bytes, kind);
    for (int side = 0; side < 2 && status == 0; side++)
        status = fill(host_side(memory, side), bytes, element, 2 * seed + (uint64_t)side);
    return opened(memory, status);
}

/* --- one step's content, and poison --------------------------------------------------------------
 */

int paged_memory_of_step(struct paged_memory *memory, struct device *device,
                         const struct paged_step *step, enum pages_kind kind, uint64_t seed) {
    char why[PLAN_WHY], text[PLAN_TEXT];
    struct paged_shape shape = paged_step_shape(step);
    *memory = (struct paged_memory){0};
    if (paged_check(&step->plan, &shape, true, why) != 0)
        return device_fail("plan %s: %s", paged_plan_text(&step->plan, text), why);
    int status = open_memory(memory, device, (enum element)step->plan.element,
                             paged_cache_bytes(&step->plan, &shape), kind);
    if (status == 0 && paged_fill_cache(&step->plan, &shape, seed, pool_cpus(),
                                        host_side(memory, 0), host_side(memory, 1)) != 0)
        status = device_fail("out of memory to fill %zu MiB of keys", memory->bytes >> 20);
    return opened(memory, status);
}

/* A NaN of paged_fill_cache is all ones; nothing else in there is. */
int paged_memory_repoison(struct paged_memory *memory, size_t *count) {
    size_t elements = memory->bytes / element_bytes(memory->element);
    *count = 0;
    for (int side = 0; side < 2; side++) {
        uint32_t *words = host_side(memory, side);
        uint16_t *halves = host_side(memory, side);
        for (size_t k = 0; k < elements; k++) {
            if (memory->element == ELEMENT_F32 && words[k] == UINT32_MAX) {
                words[k] = 0x7f7fffff;
                ++*count;
            } else if (memory->element != ELEMENT_F32 && halves[k] == UINT16_MAX) {
                halves[k] = memory->element == ELEMENT_BF16 ? 0x7f7f : 0x7bff;
                ++*count;
            }
        }
    }
    return hand_over(memory);
}
