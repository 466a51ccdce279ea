/*
 * mma_plan.c: what is done with a plan of mma.h without running it: the table of its fields, which
 * plans make sense, and the sizes and counts that follow. Text, record and sets of plans are those
 * of any plan (kernels/plan/plan.h).
 */
#include <stdio.h>

#include "kernels/mma/mma.h"

MMA_PLAN_FIELDS(PLAN_VALUES)
#define MMA_FIELD(name, values, what) PLAN_FIELD(mma_plan, name, what)
const struct plan_field mma_fields[MMA_FIELDS] = {MMA_PLAN_FIELDS(MMA_FIELD)};

static int rules(const void *of, char *why);
static bool hopeless(const void *of, unsigned set);
static const struct plan_family family = {
    .name = "a plan of a matrix product",
    .example = "m16n8k16.bf16.to-f32.t128x128.s4",
    .size = sizeof(struct mma_plan),
    .fields = mma_fields,
    .count = MMA_FIELDS,
    .counts =
        MMA_FIELD_BIT(warps) | MMA_FIELD_BIT(stages) | MMA_FIELD_BIT(split) | MMA_FIELD_BIT(grain),
    .rules = rules,
    .hopeless = hopeless,
};

/* Shared memory that an H100 grants a block. */
#define SHARED_MOST ((size_t)227 << 10)
/* Of mma_shared_bytes: bytes of a row of a stage; WMMA's rows have a gap, which keeps lanes off
 * each other's banks. wgmma's stages lie at a multiple of 1,024 bytes, with barriers behind, and 32
 * columns of each warp's sums. */
#define ROW_BYTES 64
#define ROW_BYTES_WMMA 80
#define ROW_BYTES_WGMMA 128
#define WGMMA_HEAD (1024 + 128)
#define WORKSPACE_HEAD 256
#define GRID_MOST ((size_t)INT32_MAX)
#define ROWS_MOST ((size_t)1 << 30)

static bool is_wmma(int kernel) {
    return kernel == MMA_WMMA_16X16 || kernel == MMA_WMMA_32X8 || kernel == MMA_WMMA_8X32;
}
static bool is_sync(int kernel) {
    return kernel == MMA_M16N8K8 || kernel == MMA_M16N8K16 || kernel == MMA_M16N8K32;
}
static bool is_narrow(int element) {
    return element == ELEMENT_E4M3 || element == ELEMENT_E5M2;
}
static bool is_half(int element) {
    return element == ELEMENT_F16 || element == ELEMENT_BF16;
}
static int tile_rows(const struct mma_plan *plan) {
    return plan->tile / 1000;
}
static int tile_columns(const struct mma_plan *plan) {
    return plan->tile % 1000;
}

/* Of mma_sync.cu: columns of a warp's part of a tile. */
static size_t warp_columns(const struct mma_plan *plan) {
    if (plan->tile == MMA_TILE_OF(128, 8))
        return 8;
    bool broad = plan->tile == MMA_TILE_OF(128, 256) ||
                 (plan->tile == MMA_TILE_OF(128, 128) && plan->warps == 4);
    return broad ? 64 : 32;
}

/* --- which plans make sense --------------------------------------------------------------------
 */

static bool takes(int kernel, int in) {
    switch (kernel) {
    case MMA_SCALAR:
        return true;
    case MMA_M16N8K8:
        return is_half(in) || in == ELEMENT_TF32;
    case MMA_M16N8K32:
        return is_narrow(in);
    case MMA_WARPGROUP:
        return is_half(in) || is_narrow(in);
    default:
        return is_half(in);
    }
}

/* The tiles that there are kernels for, and the warps that share one. */
static bool has_tile(const struct mma_plan *plan) {
    int tile = plan->tile, warps = plan->warps;
    if (plan->kernel == MMA_SCALAR)
        return tile == MMA_TILE_OF(64, 64) && warps == 4;
    if (plan->kernel == MMA_WARPGROUP)
        return (tile == MMA_TILE_OF(128, 256) && warps == 12) ||
               (tile == MMA_TILE_OF(64, 256) && warps == 8) ||
               (tile == MMA_TILE_OF(128, 8) && warps == 12);
    if (tile == MMA_TILE_OF(64, 64))
        return warps == 4;
    if (tile == MMA_TILE_OF(128, 128))
        return warps == 4 || (warps == 8 && is_sync(plan->kernel));
    if (tile == MMA_TILE_OF(128, 256))
        return warps == 8 && is_sync(plan->kernel);
    if (warps != 4)
        return false;
    if (tile == MMA_TILE_OF(16, 128))
        return is_sync(plan->kernel) || plan->kernel == MMA_WMMA_16X16;
    if (tile == MMA_TILE_OF(8, 128))
        return plan->kernel == MMA_WMMA_8X32;
    return tile == MMA_TILE_OF(128, 8) && (is_sync(plan->kernel) || plan->kernel == MMA_WMMA_32X8);
}

/* The rules that speak of fields in `set` alone. */
#define SET(field) (set & MMA_FIELD_BIT(field))

static int rules_of(const struct mma_plan *plan, unsigned set, char *why) {
    const char *kernel = why ? plan_word(&family, plan, MMA_FIELD_kernel) : "";
    const char *in = why ? plan_word(&family, plan, MMA_FIELD_in) : "";
    if (SET(kernel) && SET(in) && !takes(plan->kernel, plan->in))
        PLAN_REFUSE("%s does not multiply %s", kernel, in);
    bool adds_halves =
        plan->kernel == MMA_M16N8K32 ||
        (plan->in == ELEMENT_F16 && plan->kernel != MMA_SCALAR && plan->kernel != MMA_WARPGROUP);
    if (SET(kernel) && SET(in) && SET(acc) && plan->acc == MMA_ACC16 && !adds_halves)
        PLAN_REFUSE("%s adds products of %s in FP32: use acc32", kernel, in);
    if (SET(kernel) && SET(tile) && SET(warps) && !has_tile(plan))
        PLAN_REFUSE("there is no %s kernel of %d warps with tiles of %d x %d", kernel, plan->warps,
                    tile_rows(plan), tile_columns(plan));
    if (SET(load) && SET(in) && plan->load > 1 &&
        plan->load < (int)element_bytes((enum element)plan->in))
        PLAN_REFUSE("a load of %d bytes is less than an element", plan->load);
    if (SET(split) && SET(merge) && plan->split == 1 && plan->merge != MMA_BY_KERNEL)
        PLAN_REFUSE("one slice has nothing to merge: use kernel");
    if (!SET(kernel))
        return 0;
    if (SET(side) && plan->kernel == MMA_SCALAR && plan->side == MMA_BATCH_ON_N)
        PLAN_REFUSE("the scalar kernel has no sides: use batch-m");
    if (SET(stages) && plan->kernel == MMA_SCALAR && plan->stages > 2)
        PLAN_REFUSE("the scalar kernel has at most two stages");
    if (SET(load) && plan->kernel == MMA_WARPGROUP && plan->load != MMA_LOAD_FIT &&
        plan->load != 16)
        PLAN_REFUSE("wgmma's operands come by bulk copies of 16-byte units: use load16");
    if (SET(stages) && plan->kernel == MMA_WARPGROUP && plan->stages < 2)
        PLAN_REFUSE("wgmma's loading warps need a stage to work ahead in: use st2 or more");
    if (SET(in) && SET(grain) && mma_plan_depth(plan) > (size_t)plan->grain)
        PLAN_REFUSE("a stage holds %zu elements of %s, more than slices are whole numbers of: use "
                    "g128",
                    mma_plan_depth(plan), in);
    if (SET(tile) && SET(warps) && SET(stages) && mma_shared_bytes(plan) > SHARED_MOST)
        PLAN_REFUSE("%d stages of %d + %d rows need %zu bytes of shared memory; there are %zu",
                    plan->stages, tile_rows(plan), tile_columns(plan), mma_shared_bytes(plan),
                    SHARED_MOST);
    return 0;
}

static int rules(const void *of, char *why) {
    return rules_of(of, ~0u, why);
}

static bool hopeless(const void *of, unsigned set) {
    return rules_of(of, set, NULL) != 0;
}

int mma_widest_load(const struct mma_problem *p) {
    size_t size = element_bytes(p->in);
    size_t all = p->a_offset | p->b_offset;
    /* With one row there is no second one to be misaligned. */
    if (p->shape.m > 1)
        all |= mma_lda(p) * size;
    if (p->shape.n > 1)
        all |= mma_ldb(p) * size;
    for (int bytes = 16; bytes >= 4; bytes /= 2)
        if (all % (size_t)bytes == 0)
            return bytes;
    return MMA_LOAD_ELEMENTS;
}

static int check_problem(const struct mma_plan *plan, const struct mma_problem *p, char *why) {
    const struct mma_shape *s = &p->shape;
    if (mma_problem_check(p, why) != 0)
        return -1;
    if ((int)p->in != plan->in || (int)p->out != plan->out)
        PLAN_REFUSE("the plan multiplies %s and gives %s, the problem is of %s and %s",
                    plan_word(&family, plan, MMA_FIELD_in), element_word((enum element)plan->out),
                    element_word(p->in), element_word(p->out));
    if (s->m > ROWS_MOST || s->n > ROWS_MOST || s->k > ROWS_MOST)
        PLAN_REFUSE("a kernel's dimensions have at most %zu elements", ROWS_MOST);
    if (mma_tiles(plan, s) > GRID_MOST / mma_plan_slices(plan, s->k))
        PLAN_REFUSE("%zu tiles in %zu slices are more blocks than a grid has: use larger tiles",
                    mma_tiles(plan, s), mma_plan_slices(plan, s->k));
    int needed = plan->kernel == MMA_WARPGROUP ? 16 : plan->load;
    if (needed > mma_widest_load(p))
        PLAN_REFUSE("loads of %d bytes need pointers and rows at multiples of it; here at most %d "
                    "bytes can be loaded at once",
                    needed,
                    mma_widest_load(p) > 1 ? mma_widest_load(p) : (int)element_bytes(p->in));
    return 0;
}

int mma_plan_check(const struct mma_plan *plan, const struct mma_problem *problem, char *why) {
    return plan_check(&family, plan, why) != 0 ||
                   (problem && check_problem(plan, problem, why) != 0)
               ? -1
               : 0;
}

int mma_plan_capability(const struct mma_plan *plan) {
    if (plan->kernel == MMA_SCALAR)
        return 0;
    if (plan->kernel == MMA_WARPGROUP)
        return 90;
    if (is_narrow(plan->in))
        return 89;
    if (plan->in != ELEMENT_F16 || plan->kernel == MMA_M16N8K16)
        return 80;
    return plan->kernel == MMA_M16N8K8 ? 75 : 70;
}

/* --- as any plan -------------------------------------------------------------------------------
 */

struct mma_plan mma_plan_default(void) {
    return (struct mma_plan){.kernel = MMA_M16N8K16,
                             .in = ELEMENT_BF16,
                             .acc = MMA_ACC32,
                             .out = ELEMENT_F32,
                             .side = MMA_BATCH_ON_M,
                             .tile = MMA_TILE_OF(64, 64),
                             .warps = 4,
                             .stages = 3,
                             .load = MMA_LOAD_FIT,
                             .split = 1,
                             .grain = 64,
                             .merge = MMA_BY_KERNEL,
                             .order = MMA_BY_ROWS};
}

/* Sets one field unless it was named. */
#define SUIT(field, value)                                                                         \
    do {                                                                                           \
        if (!(named & MMA_FIELD_BIT(field)))                                                       \
            plan->field = (value);                                                                 \
    } while (0)

static int small_tile(const struct mma_plan *plan) {
    if (plan->kernel == MMA_WARPGROUP)
        return plan->side == MMA_BATCH_ON_M ? MMA_TILE_OF(64, 256) : MMA_TILE_OF(128, 8);
    if (plan->kernel == MMA_WMMA_8X32)
        return MMA_TILE_OF(8, 128);
    if (plan->kernel == MMA_WMMA_32X8 || (is_sync(plan->kernel) && plan->side == MMA_BATCH_ON_N))
        return MMA_TILE_OF(128, 8);
    return plan->kernel == MMA_SCALAR ? MMA_TILE_OF(64, 64) : MMA_TILE_OF(16, 128);
}

/* Fits what is not named to what is. */
static void suit(struct mma_plan *plan, unsigned named, bool small) {
    bool wgmma = plan->kernel == MMA_WARPGROUP, scalar = plan->kernel == MMA_SCALAR;
    SUIT(tile, small    ? small_tile(plan)
               : wgmma  ? MMA_TILE_OF(128, 256)
               : scalar ? MMA_TILE_OF(64, 64)
                        : MMA_TILE_OF(128, 128));
    SUIT(warps, wgmma ? (plan->tile == MMA_TILE_OF(64, 256) ? 8 : 12)
                : plan->tile == MMA_TILE_OF(128, 256) ? 8
                                                      : 4);
    SUIT(stages, scalar ? 2 : wgmma ? 4 : plan->tile == MMA_TILE_OF(64, 64) ? 3 : 4);
    SUIT(grain, mma_plan_depth(plan) > 64 ? 128 : 64);
    SUIT(order, small ? MMA_BY_ROWS : MMA_BY_GROUPS);
}

struct mma_plan mma_plan_for(enum mma_kernel kernel, enum element in, enum element out, bool small,
                             enum mma_side side) {
    struct mma_plan plan = mma_plan_default();
    plan.kernel = (int)kernel;
    plan.in = (int)in;
    plan.out = (int)out;
    plan.side = (int)side;
    suit(&plan, 0, small);
    return plan;
}

/* The format that a kernel is for, and the kernel that a format is for. */
static void suit_pair(struct mma_plan *plan, unsigned named) {
    if (!takes(plan->kernel, plan->in) && !(named & MMA_FIELD_BIT(in)))
        plan->in = plan->kernel == MMA_M16N8K32 ? ELEMENT_E4M3 : ELEMENT_F16;
    if (!takes(plan->kernel, plan->in) && !(named & MMA_FIELD_BIT(kernel)))
        plan->kernel = is_narrow(plan->in) ? MMA_M16N8K32 : MMA_M16N8K8;
    if (plan->acc == MMA_ACC16 && !(named & MMA_FIELD_BIT(in)) && !is_narrow(plan->in))
        plan->in = ELEMENT_F16;
}

int mma_plan_parse(const char *text, struct mma_plan *plan, char *why) {
    struct mma_plan parsed = mma_plan_default();
    unsigned named;
    if (plan_parse(&family, text, &parsed, &named, why) != 0)
        return -1;
    suit_pair(&parsed, named);
    if (named & MMA_FIELD_BIT(kernel))
        suit(&parsed, named, false);
    else if (!(named & MMA_FIELD_BIT(warps)))
        suit(&parsed, ~MMA_FIELD_BIT(warps), false);
    if (parsed.split == 1 && !(named & MMA_FIELD_BIT(split)) && parsed.merge != MMA_BY_KERNEL)
        parsed.split = 2;
    if (plan_check(&family, &parsed, why) != 0)
        return -1;
    *plan = parsed;
    return 0;
}

int mma_plan_get(const struct mma_plan *plan, enum mma_field_id field) {
    return plan_get(&family, plan, field);
}
void mma_plan_set(struct mma_plan *plan, enum mma_field_id field, int value) {
    plan_set(&family, plan, field, value);
}
bool mma_plan_equal(const struct mma_plan *a, const struct mma_plan *b) {
    return plan_equal(&family, a, b);
}
char *mma_plan_text(const struct mma_plan *plan, char *out) {
    return plan_text(&family, plan, out);
}
struct json_t *mma_plan_json(const struct mma_plan *plan) {
    return plan_json(&family, plan);
}

int mma_plans_all(unsigned mask, const struct mma_plan *fixed, struct mma_plan **plans,
                  size_t *count) {
    struct plan_list list;
    if (plan_all(&family, mask, fixed, &list) != 0)
        return -1;
    *plans = list.plans;
    *count = list.count;
    return 0;
}
int mma_plans_pairs(unsigned mask, const struct mma_plan *fixed, struct mma_plan **plans,
                    size_t *count) {
    struct plan_list list;
    if (plan_pairs(&family, mask, fixed, &list) != 0)
        return -1;
    *plans = list.plans;
    *count = list.count;
    return 0;
}
bool mma_plan_mutant(const struct mma_plan *plan, enum mma_field_id field,
                     struct mma_plan *mutant) {
    return plan_mutant(&family, plan, field, mutant);
}

/* --- arithmetic --------------------------------------------------------------------------------
 */

struct mma_shape mma_plan_instruction(const struct mma_plan *plan) {
    size_t size = element_bytes((enum element)plan->in);
    switch (plan->kernel) {
    case MMA_SCALAR:
        return (struct mma_shape){1, 1, 1};
    case MMA_WMMA_16X16:
        return (struct mma_shape){16, 16, 16};
    case MMA_WMMA_32X8:
        return (struct mma_shape){32, 8, 16};
    case MMA_WMMA_8X32:
        return (struct mma_shape){8, 32, 16};
    case MMA_M16N8K8:
        return (struct mma_shape){16, 8, 8};
    case MMA_M16N8K16:
        return (struct mma_shape){16, 8, 16};
    case MMA_M16N8K32:
        return (struct mma_shape){16, 8, 32};
    default:
        return (struct mma_shape){64, (size_t)tile_columns(plan), 32 / size};
    }
}

static struct mma_shape turned(const struct mma_plan *plan, struct mma_shape shape) {
    return plan->side == MMA_BATCH_ON_M ? shape : (struct mma_shape){shape.n, shape.m, shape.k};
}

struct mma_shape mma_plan_fragment(const struct mma_plan *plan) {
    return turned(plan, mma_plan_instruction(plan));
}

struct mma_shape mma_plan_tile(const struct mma_plan *plan) {
    return turned(plan, (struct mma_shape){(size_t)tile_rows(plan), (size_t)tile_columns(plan),
                                           mma_plan_depth(plan)});
}

static size_t whole(size_t count, size_t unit) {
    return count / unit + (count % unit != 0);
}

double mma_utilisation(struct mma_shape unit, const struct mma_shape *s, bool deep) {
    if (!s->m || !s->n || !s->k)
        return 1;
    double used = (double)s->m / (double)(whole(s->m, unit.m) * unit.m) * (double)s->n /
                  (double)(whole(s->n, unit.n) * unit.n);
    return deep ? used * (double)s->k / (double)(whole(s->k, unit.k) * unit.k) : used;
}

size_t mma_plan_depth(const struct mma_plan *plan) {
    return (plan->kernel == MMA_WARPGROUP ? ROW_BYTES_WGMMA : ROW_BYTES) /
           element_bytes((enum element)plan->in);
}

size_t mma_plan_slice(const struct mma_plan *plan, size_t k) {
    size_t grain = (size_t)plan->grain;
    return whole(whole(k, grain), (size_t)plan->split) * grain;
}

size_t mma_plan_slices(const struct mma_plan *plan, size_t k) {
    return k ? whole(k, mma_plan_slice(plan, k)) : 1;
}

size_t mma_shared_bytes(const struct mma_plan *plan) {
    size_t rows = (size_t)(tile_rows(plan) + tile_columns(plan)) * (size_t)plan->stages;
    if (plan->kernel == MMA_WARPGROUP)
        return rows * ROW_BYTES_WGMMA + WGMMA_HEAD +
               (size_t)(plan->warps - 4) * 16 * sizeof(float) *
                   ((plan->tile == MMA_TILE_OF(128, 8) ? 8 : 32) + MMA_GAP);
    /* Afterwards each warp's results pass through: 256 of them, or sixteen rows of its part. */
    size_t stages = rows * (is_wmma(plan->kernel) ? ROW_BYTES_WMMA : ROW_BYTES);
    size_t sums = plan->kernel == MMA_SCALAR ? 0
                  : is_wmma(plan->kernel)
                      ? (size_t)plan->warps * 256 * sizeof(float)
                      : (size_t)plan->warps * 16 * sizeof(float) * (warp_columns(plan) + MMA_GAP);
    return stages > sums ? stages : sums;
}

size_t mma_tiles(const struct mma_plan *plan, const struct mma_shape *shape) {
    struct mma_shape tile = mma_plan_tile(plan);
    return whole(shape->m, tile.m) * whole(shape->n, tile.n);
}

size_t mma_launches(const struct mma_plan *plan, const struct mma_shape *shape) {
    if (!shape->m || !shape->n)
        return 0;
    return plan->merge == MMA_BY_KERNEL && mma_plan_slices(plan, shape->k) > 1 ? 2 : 1;
}

size_t mma_workspace_bytes(const struct mma_plan *plan, const struct mma_shape *shape) {
    size_t slices = mma_plan_slices(plan, shape->k);
    size_t sums = shape->m * shape->n * sizeof(float);
    size_t turns = (mma_tiles(plan, shape) * sizeof(unsigned) + 255) / 256 * 256;
    if (slices == 1)
        return 0;
    switch (plan->merge) {
    case MMA_BY_KERNEL:
        return WORKSPACE_HEAD + slices * sums;
    case MMA_IN_TURN:
        return WORKSPACE_HEAD + turns + sums;
    default:
        return WORKSPACE_HEAD + turns;
    }
}
