/*
 * roofs_plan.c: what is done with a plan without running it: its fields, its text and record, what
 * is legal, and the list of plans that are worth trying.
 */
#include <jansson.h>
#include <stdio.h>

#include "kernels/roofs/roofs_inside.h"

ROOFS_PLAN_FIELDS(PLAN_VALUES)
#define FIELD(name, values, what) PLAN_FIELD(roofs_plan, name, what)
static const struct plan_field fields[] = {ROOFS_PLAN_FIELDS(FIELD)};
#define ID(name, values, what) FIELD_##name,
enum { ROOFS_PLAN_FIELDS(ID) FIELDS };

static int rules(const void *of, char *why);
static const struct plan_family family = {
    .name = "a roof's plan",
    .example = "read",
    .size = sizeof(struct roofs_plan),
    .fields = fields,
    .count = FIELDS,
    .counts = 1u << FIELD_streams | 1u << FIELD_span | 1u << FIELD_prefetch,
    .rules = rules,
};

const char *roofs_op_name(enum roofs_op op) {
    return plan_word(&family, &(struct roofs_plan){.op = (int)op}, FIELD_op);
}

const char *roofs_unit(enum roofs_op op) {
    return op <= ROOFS_COPY     ? "bytes/s"
           : op <= ROOFS_FMA64  ? "flop/s"
           : op == ROOFS_ATOMIC ? "updates/s"
                                : "calls/s";
}

bool roofs_moves_memory(const struct roofs_plan *plan) {
    return plan->op == ROOFS_READ || plan->op == ROOFS_WRITE || plan->op == ROOFS_COPY;
}

/* Whether a field says anything about this plan's kernel. */
static bool uses(const struct roofs_plan *plan, int field) {
    bool gpu = plan->isa == ROOFS_GPU;
    switch (field) {
    case FIELD_isa:
        return true;
    case FIELD_streams:
        return gpu ? roofs_moves_memory(plan) : plan->op == ROOFS_READ;
    case FIELD_span:
    case FIELD_prefetch:
        return !gpu && plan->op == ROOFS_READ;
    case FIELD_nontemporal:
        return !gpu && (plan->op == ROOFS_WRITE || plan->op == ROOFS_COPY);
    case FIELD_shared:
        return plan->op == ROOFS_ATOMIC;
    case FIELD_wait:
        return gpu && plan->op == ROOFS_EMPTY;
    default:
        return false;
    }
}

char *roofs_plan_text(const struct roofs_plan *plan, char text[ROOFS_TEXT]) {
    size_t used = 0;
    for (int f = 0; f < FIELDS && used < ROOFS_TEXT; f++) {
        if (f == FIELD_span && plan->isa == ROOFS_GPU)
            used += (size_t)snprintf(text + used, ROOFS_TEXT - used, "/grid=%ux%u", plan->blocks,
                                     plan->threads);
        if (uses(plan, f) && used < ROOFS_TEXT)
            used += (size_t)snprintf(text + used, ROOFS_TEXT - used, "%s%s", used ? "/" : "",
                                     plan_word(&family, plan, (size_t)f));
    }
    return text;
}

json_t *roofs_plan_json(const struct roofs_plan *plan) {
    json_t *record = plan_json(&family, plan);
    json_t *sizes =
        json_pack("{s:I, s:I, s:I, s:I, s:I}", "bytes", (json_int_t)plan->bytes, "passes",
                  (json_int_t)plan->passes, "threads", (json_int_t)plan->threads, "blocks",
                  (json_int_t)plan->blocks, "rounds", (json_int_t)plan->rounds);
    if (record && sizes)
        json_object_update(record, sizes);
    json_decref(sizes);
    return record;
}

static int rules(const void *of, char *why) {
    const struct roofs_plan *plan = of;
    if (plan->isa == ROOFS_LIBC && plan->op != ROOFS_WRITE && plan->op != ROOFS_COPY)
        PLAN_REFUSE("the C library has no such kernel: it copies and writes");
    if (plan->threads < 1 || plan->threads > 1024)
        PLAN_REFUSE("%u threads; use 1 to 1024", plan->threads);
    if (plan->isa == ROOFS_GPU && plan->threads % 32 != 0) /* warps merge the checksum */
        PLAN_REFUSE("a block is a multiple of 32 threads");
    return 0;
}

int roofs_plan_check(const struct roofs_plan *plan, struct device *device) {
    char text[ROOFS_TEXT], why[PLAN_WHY];
    if (plan_check(&family, plan, why) != 0)
        return device_fail("%s %s: %s", roofs_op_name((enum roofs_op)plan->op),
                           roofs_plan_text(plan, text), why);
    if ((plan->isa == ROOFS_GPU) != (device_kind(device) != DEVICE_CPU))
        return device_fail("%s %s does not run on %s", roofs_op_name((enum roofs_op)plan->op),
                           roofs_plan_text(plan, text), device_id(device));
    if (plan->isa != ROOFS_GPU && !roofs_isa_works((enum roofs_isa)plan->isa))
        return device_fail("this CPU has no %s", plan_word(&family, plan, FIELD_isa));
    return 0;
}

/* --- variants ----------------------------------------------------------------------------------
 */

struct list {
    struct roofs_plan *plans;
    size_t count, most;
};

static void add(struct list *list, struct roofs_plan plan) {
    if (list->count < list->most)
        list->plans[list->count++] = plan;
}

/* Enough passes that a call moves `least` bytes. */
static unsigned passes_for(size_t bytes, size_t least) {
    return bytes == 0 || bytes >= least ? 1 : (unsigned)((least + bytes - 1) / bytes);
}

static void cpu_variants(struct list *list, struct roofs_plan plan) {
    /* 4 MiB take some 20 µs at the best: a hand-over to other threads is 1 % of that. */
    plan.passes = passes_for(plan.bytes, (size_t)4 << 20);
    plan.isa = roofs_isa_best();
    switch (plan.op) {
    case ROOFS_READ: {
        /* {streams, span, prefetch}: one stream as a program would write it, with and without help
         * from software, and several, far apart or page by page. What wins depends on the machine
         * and on where the footprint lies. */
        static const int tried[][3] = {
            {1, 0, 0}, {1, 0, 8192}, {4, 0, 0}, {8, 0, 0}, {4, 4096, 16384}};
        for (size_t k = 0; k < sizeof tried / sizeof *tried; ++k) {
            plan.streams = tried[k][0];
            plan.span = tried[k][1];
            plan.prefetch = tried[k][2];
            add(list, plan);
        }
        break;
    }
    case ROOFS_WRITE:
    case ROOFS_COPY:
        add(list, plan);
        plan.nontemporal = true;
        add(list, plan);
        plan.nontemporal = false;
        plan.isa = ROOFS_LIBC;
        add(list, plan);
        break;
    case ROOFS_FMA32:
    case ROOFS_FMA64:
        plan.rounds = 16384;
        for (int isa = ROOFS_SCALAR; isa <= ROOFS_AVX512; ++isa)
            if (roofs_isa_works((enum roofs_isa)isa)) {
                plan.isa = (enum roofs_isa)isa;
                add(list, plan);
            }
        break;
    case ROOFS_ATOMIC:
        plan.isa = ROOFS_SCALAR;
        plan.rounds = 16384;
        add(list, plan);
        plan.shared = true;
        if (plan.threads > 1)
            add(list, plan);
        break;
    default:
        plan.isa = ROOFS_SCALAR;
        add(list, plan);
        break;
    }
}

static void gpu_variants(struct list *list, struct roofs_plan plan, bool simulated) {
    plan.isa = ROOFS_GPU;
    plan.threads = 256;
    /* A launch takes some microseconds, in which a large GPU moves 20 MB. */
    plan.passes = simulated ? 1 : passes_for(plan.bytes, (size_t)256 << 20);
    switch (plan.op) {
    case ROOFS_READ:
    case ROOFS_WRITE:
    case ROOFS_COPY:
        for (int streams = 1; streams <= 8; streams *= 2) {
            plan.streams = streams;
            /* A block per tile, so that the hardware balances them, or a grid that stays. */
            size_t half = plan.op == ROOFS_COPY ? plan.bytes / 2 : plan.bytes;
            size_t tile = (size_t)16 * plan.threads * (size_t)streams;
            size_t tiles = (half + tile - 1) / tile;
            if (tiles <= 0x7fffffff && plan.passes == 1 && !simulated) {
                plan.blocks = (unsigned)tiles;
                add(list, plan);
            }
            plan.blocks = simulated ? 8 : 1056; /* 8 blocks on each of 132 multiprocessors */
            add(list, plan);
        }
        break;
    case ROOFS_FMA32:
    case ROOFS_FMA64:
        plan.rounds = simulated ? 64 : 8192;
        plan.blocks = simulated ? 2 : 1056;
        add(list, plan);
        break;
    case ROOFS_ATOMIC:
        plan.rounds = simulated ? 4 : 64;
        plan.blocks = simulated ? 2 : 1056;
        add(list, plan);
        plan.shared = true;
        add(list, plan);
        break;
    default:
        plan.threads = 32;
        plan.blocks = 1;
        add(list, plan);
        plan.wait = true;
        add(list, plan);
        break;
    }
}

size_t roofs_variants(const struct device *device, enum roofs_op op, size_t bytes, unsigned threads,
                      struct roofs_plan *plans, size_t most) {
    struct list list = {plans, 0, most};
    struct roofs_plan plan = {.op = op, .passes = 1, .threads = threads ? threads : 1};
    plan.bytes = roofs_moves_memory(&plan) ? bytes : 0;
    if (device_kind(device) == DEVICE_CPU)
        cpu_variants(&list, plan);
    else
        gpu_variants(&list, plan, device_simulated(device_kind(device)));
    return list.count;
}
