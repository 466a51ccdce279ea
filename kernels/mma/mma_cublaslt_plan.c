/*
 * mma_cublaslt_plan.c: plans of cuBLASLt's levers, and choices as text and records.
 */
#include <jansson.h>
#include <stdio.h>

#include "kernels/mma/mma_cublaslt.h"

MMA_CUBLASLT_PLAN_FIELDS(PLAN_VALUES)
#define FIELD(name, values, what) PLAN_FIELD(mma_cublaslt_plan, name, what)
static const struct plan_field fields[MMA_CUBLASLT_FIELDS] = {MMA_CUBLASLT_PLAN_FIELDS(FIELD)};

static int rules(const void *of, char *why) {
    const struct mma_cublaslt_plan *plan = of;
    if (plan->workspace == 0 && plan->reduction != MMA_CUBLASLT_ANY &&
        plan->reduction != MMA_CUBLASLT_NONE)
        PLAN_REFUSE("parts of a split K are counted or kept in the workspace: without one there "
                    "is no-reduction or any-reduction");
    return 0;
}

static const struct plan_family family = {
    .name = "a plan of cuBLASLt",
    .example = "ws32m.no-reduction.h1",
    .size = sizeof(struct mma_cublaslt_plan),
    .fields = fields,
    .count = MMA_CUBLASLT_FIELDS,
    .rules = rules,
};

const struct plan_family *mma_cublaslt_family(void) {
    return &family;
}

struct mma_cublaslt_plan mma_cublaslt_plan_default(void) {
    struct mma_cublaslt_plan plan = {.workspace = 32768, .reduction = MMA_CUBLASLT_ANY};
    return plan;
}

int mma_cublaslt_plan_check(const struct mma_cublaslt_plan *plan, char *why) {
    return plan_check(&family, plan, why);
}

char *mma_cublaslt_plan_text(const struct mma_cublaslt_plan *plan, char *out) {
    return plan_text(&family, plan, out);
}

int mma_cublaslt_plan_parse(const char *text, struct mma_cublaslt_plan *plan, char *why) {
    unsigned named;
    return plan_parse(&family, text, plan, &named, why) != 0 ? -1 : plan_check(&family, plan, why);
}

json_t *mma_cublaslt_plan_json(const struct mma_cublaslt_plan *plan) {
    return plan_json(&family, plan);
}

/* --- choices -----------------------------------------------------------------------------------
 */

struct flag {
    int bit;
    const char *word;
};
/* Bits of CUBLASLT_NUMERICAL_IMPL_FLAGS_*, as cublasLt.h has them since 11.0. */
static const struct flag units[] = {{1, "hmma"}, {2, "imma"}, {3, "dmma"}, {0, "fma"}};
static const struct flag accumulators[] = {{8, "f16"}, {9, "f32"}, {10, "f64"}, {11, "i32"}};
static const struct flag inputs[] = {{16, "f16"}, {17, "bf16"}, {18, "tf32"}, {19, "f32"},
                                     {20, "f64"}, {21, "i8"},   {22, "e4m3"}, {23, "e5m2"}};
#define COUNT(table) (sizeof table / sizeof *table)

static const char *first_of(const struct flag *table, size_t count, uint64_t flags) {
    for (size_t i = 0; i < count; i++)
        if (flags >> table[i].bit & 1)
            return table[i].word;
    return "?";
}

const char *mma_cublaslt_unit(const struct mma_cublaslt_choice *choice) {
    return first_of(units, COUNT(units), choice->impl);
}

const char *mma_cublaslt_accumulator(const struct mma_cublaslt_choice *choice) {
    return first_of(accumulators, COUNT(accumulators), choice->impl);
}

static json_t *words(const struct flag *table, size_t count, uint64_t flags) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++)
        if (flags >> table[i].bit & 1)
            json_array_append_new(list, json_string(table[i].word));
    return list;
}

char *mma_cublaslt_choice_text(const struct mma_cublaslt_choice *c, char *out) {
    snprintf(out, MMA_CUBLASLT_TEXT, "a%d.t%d.s%d.k%d.r%d.w%d.o%d.i%d.c%d", c->id, c->tile,
             c->stages, c->split, c->reduction, c->swizzle, c->custom, c->inner, c->cluster);
    return out;
}

json_t *mma_cublaslt_choice_json(const struct mma_cublaslt_choice *c) {
    char text[MMA_CUBLASLT_TEXT], version[32];
    size_t v = c->version;
    snprintf(version, sizeof version, "%zu.%zu.%zu", v / 10000, v / 100 % 100, v % 100);
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:f, s:i, "
                     "s:i, s:i, s:o, s:o, s:o}",
                     "library", "cuBLASLt", "version", version, "algorithm",
                     mma_cublaslt_choice_text(c, text), "id", c->id, "tile", c->tile, "stages",
                     c->stages, "split", c->split, "reduction", c->reduction, "swizzle", c->swizzle,
                     "custom", c->custom, "inner", c->inner, "cluster", c->cluster, "workspace",
                     (json_int_t)c->workspace, "waves", (double)c->waves, "proposals", c->proposals,
                     "arch", c->arch, "sms", c->sms, "units", words(units, COUNT(units), c->impl),
                     "accumulators", words(accumulators, COUNT(accumulators), c->impl), "inputs",
                     words(inputs, COUNT(inputs), c->impl));
}
