/*
 * mma_cublaslt_order.c: the published rules of mma_cublaslt_order.h, all of sm_90.
 */
#include "kernels/mma/mma_cublaslt_order.h"

#include <stdarg.h>
#include <stdio.h>

#define ARCH 90
#define THREADS_PER_SM 2048

static int decline(char *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int decline(char *why, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (why)
        vsnprintf(why, MMA_WHY, format, arguments);
    va_end(arguments);
    return -1;
}

enum family { NVJET, CUTLASS, GEMV, DOT };
static const struct {
    int id;
    enum family family;
} algorithms[] = {
    {66, NVJET},                                                /* cuBLAS's own kernels */
    {12, CUTLASS}, {21, CUTLASS}, {23, CUTLASS}, {24, CUTLASS}, /* rows not multiples of 8 */
    {13, GEMV},    {14, DOT},                                   /* M or N is 1: CUDA cores */
};
#define COUNT(table) (sizeof table / sizeof *table)

/* K of a stage by cublasLtMatmulStages_t, whose names spell it, and K of an instruction. Stage 0
 * names none; the kernels behind it have 32 and m16n8k8. */
static const struct {
    enum family family;
    int low, high; /* ids */
    size_t stage;
    int k;
} stages[] = {
    {CUTLASS, 0, 0, 32, 8},     {CUTLASS, 7, 12, 32, 16},  {CUTLASS, 13, 18, 64, 16},
    {CUTLASS, 19, 20, 128, 16}, {CUTLASS, 25, 25, 32, 16}, {NVJET, 35, 35, 64, 16}, /* 16 bits */
    {NVJET, 36, 36, 128, 32},                                                       /* 8 bits */
};

/* Of algorithm 13, by custom option: products of a load (negative: a lane's own slice, so many at
 * most), lanes per output, tiles until a lane's sum is closed, whether lanes meet as a tree. */
static const struct {
    int option, vector, lanes, tiles, tree;
} lanes[] = {
    {0, 1, 1, 512, 0},   {6, 1, 1, 0, 0},      {7, 1, 1, 256, 0},   {8, 1, 1, 256, 0},
    {10, 4, 32, 0, 1},   {11, 1, 16, 32, 0},   {12, 1, 16, 16, 0},  {13, 1, 16, 16, 0},
    {14, 1, 16, 16, 0},  {35, 1, 16, 0, 1},    {36, -64, 32, 0, 1}, {37, 1, 32, 0, 1},
    {40, -64, 4, 0, 1},  {41, 1, 4, 0, 1},     {42, -64, 8, 0, 1},  {43, 1, 8, 0, 1},
    {44, -64, 16, 0, 1}, {45, 1, 16, 0, 1},    {46, -64, 32, 0, 1}, {47, 1, 32, 0, 1},
    {48, -64, 2, 0, 1},  {49, 1, 2, 0, 1},     {50, -64, 4, 0, 1},  {51, 1, 4, 0, 1},
    {52, -64, 8, 0, 1},  {53, 1, 8, 0, 1},     {54, -64, 16, 0, 1}, {55, 1, 16, 0, 1},
    {56, -64, 2, 0, 1},  {57, 1, 2, 0, 1},     {58, -64, 4, 0, 1},  {59, 1, 4, 0, 1},
    {60, -64, 8, 0, 1},  {61, 1, 8, 0, 1},     {62, -64, 2, 0, 1},  {63, 1, 2, 0, 1},
    {65, 1, 4, 0, 1},    {66, -64, 8, 0, 1},   {67, 1, 8, 0, 1},    {68, -64, 4, 0, 1},
    {69, 1, 4, 0, 1},    {72, -64, 16, 0, 1},  {74, -64, 32, 0, 1}, {75, 1, 32, 0, 1},
    {81, 1, 16, 0, 1},   {82, -64, 32, 0, 1},  {83, 1, 32, 0, 1},   {84, 1, 1, 0, 0},
    {86, -64, 4, 0, 1},  {89, 1, 8, 0, 1},     {90, -64, 16, 0, 1}, {91, 1, 16, 0, 1},
    {92, -64, 32, 0, 1}, {93, 1, 32, 0, 1},    {95, 1, 2, 0, 1},    {96, -64, 4, 0, 1},
    {98, -64, 8, 0, 1},  {100, -64, 16, 0, 1}, {101, 1, 16, 0, 1},  {102, -64, 2, 0, 1},
    {106, -64, 8, 0, 1}, {110, -64, 4, 0, 1},  {111, 1, 4, 0, 1},
};
/* Holds while all outputs' lanes are on the device at once; then the library takes fewer. */
#define OCCUPANCY_OPTION 10

static size_t divide_up(size_t a, size_t b) {
    return (a + b - 1) / b;
}

/* ⌈⌈K/grain⌉/split⌉ · grain */
static size_t chunk_of(size_t k, size_t split, size_t grain) {
    return divide_up(divide_up(k, grain), split) * grain;
}

static bool is_8_bit(enum element in) {
    return in == ELEMENT_E4M3 || in == ELEMENT_E5M2;
}

static int matrix(enum family family, const struct mma_cublaslt_choice *c,
                  const struct mma_cublaslt_plan *plan, const struct mma_problem *problem,
                  struct mma_cublaslt_order *o, char *why) {
    size_t k = problem->shape.k, split = c->split > 1 ? (size_t)c->split : 1, stage = 0;
    for (size_t i = 0; i < COUNT(stages); i++)
        if (stages[i].family == family && c->stages >= stages[i].low && c->stages <= stages[i].high)
            stage = stages[i].stage, o->k = stages[i].k;
    if (!stage)
        return decline(why, "no rule is published for stages %d of algorithm %d", c->stages, c->id);
    if (is_8_bit(problem->in) != (o->k == 32))
        return decline(why, "no rule is published for stages %d of algorithm %d with %s operands",
                       c->stages, c->id, element_word(problem->in));
    o->chunk = k;
    if (family == NVJET) {
        o->form = MMA_WGMMA;
        /* In 8 bits the accumulator keeps few bits; unless told otherwise it is added to an FP32
         * sum at every stage. */
        o->close = is_8_bit(problem->in) && !plan->fast ? stage : 0;
        /* The end of K that does not fill a stage is left out, where the whole stages can be dealt
         * out evenly. */
        size_t tail = k % stage;
        if (!is_8_bit(problem->in) && split > 1 && tail && k / stage % split == 0 && split > tail &&
            c->workspace) {
            o->lost = tail;
            o->used = k - tail;
        }
        if (split > 1)
            o->chunk = chunk_of(o->used, split, stage);
        return 0;
    }
    if (c->id == 12 && k > 1)
        return decline(why, "the rule of algorithm 12 is published for K = 1 alone");
    o->form = MMA_SYNC;
    o->first = stage;
    if (split > 1) {
        o->chunk = chunk_of(k, split, k % 64 == 0 ? 64 : 8);
        o->merge = c->reduction == MMA_CUBLASLT_COMPUTE_TYPE  ? MMA_CUBLASLT_IN_F32
                   : c->reduction == MMA_CUBLASLT_OUTPUT_TYPE ? MMA_CUBLASLT_ROUNDED
                                                              : MMA_CUBLASLT_SERIAL;
    }
    return 0;
}

static int vector(enum family family, const struct mma_cublaslt_choice *c,
                  const struct mma_problem *problem, struct mma_cublaslt_order *o, char *why) {
    const struct mma_shape *s = &problem->shape;
    size_t split = c->split > 1 ? (size_t)c->split : 1, outputs = s->m > s->n ? s->m : s->n;
    if (is_8_bit(problem->in))
        return decline(why, "no rule is published for CUDA cores with 8-bit operands");
    if (s->m != 1 && s->n != 1)
        return decline(why, "algorithm %d is published for M or N of 1 alone", c->id);
    if (family == DOT) {
        o->kind = MMA_CUBLASLT_BLOCKS;
        o->blocks = split;
        o->vector = 2; /* K is contiguous */
        o->lanes = 128;
        return 0;
    }
    o->kind = MMA_CUBLASLT_LANES;
    o->chunk = divide_up(s->k, split);
    for (size_t i = 0; i < COUNT(lanes); i++) {
        if (lanes[i].option != c->custom)
            continue;
        o->lanes = lanes[i].lanes;
        o->tiles = (size_t)lanes[i].tiles;
        o->tree = lanes[i].tree;
        /* Every slice's lanes are laid out alike, the last one's too. */
        int own = (int)divide_up(o->chunk, (size_t)o->lanes);
        o->vector = lanes[i].vector > 0      ? lanes[i].vector
                    : own < -lanes[i].vector ? own
                                             : -lanes[i].vector;
        if (c->custom == OCCUPANCY_OPTION &&
            outputs > (size_t)c->sms * THREADS_PER_SM / (size_t)o->lanes)
            return decline(why,
                           "option %d of algorithm %d changes its lanes by occupancy beyond "
                           "%d outputs",
                           c->custom, c->id, c->sms * THREADS_PER_SM / o->lanes);
        return 0;
    }
    return decline(why, "no rule is published for option %d of algorithm %d where K is contiguous",
                   c->custom, c->id);
}

int mma_cublaslt_order(const struct mma_cublaslt_choice *c, const struct mma_cublaslt_plan *plan,
                       const struct mma_problem *problem, struct mma_cublaslt_order *order,
                       char *why) {
    *order = (struct mma_cublaslt_order){
        .used = problem->shape.k, .chunk = problem->shape.k, .form = MMA_SYNC};
    if (c->arch != ARCH)
        return decline(why, "no rules are published for sm_%d", c->arch);
    if (problem->in != ELEMENT_F16 && problem->in != ELEMENT_BF16 && !is_8_bit(problem->in))
        return decline(why, "no rules are published for %s operands", element_word(problem->in));
    if (c->split < 0)
        return decline(why, "the library divides K by a scheduler of its own (split %d)", c->split);
    for (size_t i = 0; i < COUNT(algorithms); i++)
        if (algorithms[i].id == c->id)
            return algorithms[i].family == NVJET || algorithms[i].family == CUTLASS
                       ? matrix(algorithms[i].family, c, plan, problem, order, why)
                       : vector(algorithms[i].family, c, problem, order, why);
    return decline(why, "no rule is published for algorithm %d%s", c->id,
                   c->id == 11 || c->id == 16 ? " where K is contiguous in both operands" : "");
}

char *mma_cublaslt_order_text(const struct mma_cublaslt_order *o, size_t k, char *out) {
    static const char *const merges[] = {"", ", parts rounded", ", rounded after each"};
    size_t n = 0;
#define SAY(...)                                                                                   \
    n += n < MMA_CUBLASLT_ORDER_TEXT                                                               \
             ? (size_t)snprintf(out + n, MMA_CUBLASLT_ORDER_TEXT - n, __VA_ARGS__)                 \
             : 0
    if (o->kind == MMA_CUBLASLT_BLOCKS) {
        SAY("%zu blocks of 128 threads", o->blocks);
    } else if (o->kind == MMA_CUBLASLT_LANES) {
        SAY("%d lanes of %d, %s", o->lanes, o->vector, o->tree ? "as a tree" : "in order");
    } else {
        SAY("%s k%d", mma_form_name(o->form), o->k);
        if (o->first && o->used <= o->chunk && o->used % o->first)
            SAY(", remainder of %zu first", o->used % o->first);
        if (o->close)
            SAY(", closed every %zu", o->close);
    }
    if (o->kind != MMA_CUBLASLT_BLOCKS && o->used > o->chunk)
        SAY(", split %zu by %zu%s", divide_up(o->used, o->chunk), o->chunk, merges[o->merge]);
    if (o->lost)
        SAY(", last %zu of %zu left out", o->lost, k);
#undef SAY
    return out;
}
