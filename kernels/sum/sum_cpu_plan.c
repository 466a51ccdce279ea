/*
 * sum_cpu_plan.c: the native sum's plans: the table of their fields and what is legal; nothing here
 * runs one. Text, record and sets of plans are those of any plan (kernels/plan/plan.h).
 */
#include <stdio.h>

#include "kernels/sum/sum_cpu_kernels.h"

SUM_CPU_PLAN_FIELDS(PLAN_VALUES)
#define SUM_CPU_FIELD(name, values, what) PLAN_FIELD(sum_cpu_plan, name, what)
const struct plan_field sum_cpu_fields[SUM_CPU_FIELDS] = {SUM_CPU_PLAN_FIELDS(SUM_CPU_FIELD)};

static int rules(const void *of, char *why);
static const struct plan_family family = {
    .name = "a native sum's plan",
    .example = "f32.plain.l16.u2.s4.e1k.pf16k.t2",
    .size = sizeof(struct sum_cpu_plan),
    .fields = sum_cpu_fields,
    .count = SUM_CPU_FIELDS,
    .counts = SUM_CPU_FIELD_BIT(lanes) | SUM_CPU_FIELD_BIT(unroll) | SUM_CPU_FIELD_BIT(streams) |
              SUM_CPU_FIELD_BIT(span) | SUM_CPU_FIELD_BIT(prefetch) | SUM_CPU_FIELD_BIT(threads),
    .rules = rules,
};

struct sum_cpu_plan sum_cpu_plan_default(enum element type, enum sum_method method, size_t n,
                                         int threads) {
    /* Eight lanes run equally fast on AVX2 and AVX-512, so that the default's bits are not those of
     * one machine; the reproducible sum's bits do not depend on it. Where the sizes part was
     * measured on a Zen 4 with 1 MiB of second-level cache. */
    size_t bytes = n * element_bytes(type);
    bool binned = method == SUM_BINNED, wide = type == ELEMENT_F64;
    bool small = bytes<(size_t)128 << 10, large = bytes>(size_t) 4 << 20;
    struct sum_cpu_plan plan = {.type = (int)type,
                                .acc = wide ? SUM_ACC64 : SUM_ACC32,
                                .method = (int)method,
                                .lanes = binned && !wide ? 16 : 8,
                                .unroll = small ? 8 : 4,
                                .streams = small ? 1 : 4,
                                .span = small || large ? SUM_CPU_WHOLE : 1024,
                                .prefetch = 0,
                                .threads = small ? 1 : threads,
                                .accumulate = SUM_CPU_ACCS_TREE,
                                .fold = SUM_CPU_LANES_HALVES,
                                .join = SUM_CPU_JOIN_SERIAL};
    if (binned) {
        plan.unroll = large ? 2 : 1;
        plan.streams = large ? 1 : 4;
        plan.span = large ? SUM_CPU_WHOLE : 1024;
    }
    return plan;
}

/* --- what is legal ---------------------------------------------------------------------------- */

static int rules(const void *of, char *why) {
    const struct sum_cpu_plan *plan = of;
    if (plan->type == ELEMENT_F64 && plan->acc == SUM_ACC32)
        PLAN_REFUSE("f64 inputs do not fit an f32 accumulator: use acc64");
    if ((plan->type == ELEMENT_BF16 || plan->type == ELEMENT_F16) && plan->acc == SUM_ACC64)
        PLAN_REFUSE("bf16 and f16 inputs are summed in f32 here: use acc32");
    if (plan->streams * plan->unroll > SUM_CPU_ACCUMULATORS)
        PLAN_REFUSE("%d streams of %d accumulators are more than the %d that fit the registers",
                    plan->streams, plan->unroll, SUM_CPU_ACCUMULATORS);
    if (plan->streams == 1 && plan->span != SUM_CPU_WHOLE)
        PLAN_REFUSE("one stream takes everything: its span is 'whole'");
    return 0;
}

int sum_cpu_plan_check(const struct sum_cpu_plan *plan, char *why) {
    return plan_check(&family, plan, why);
}

/* --- as any plan ------------------------------------------------------------------------------ */

int sum_cpu_plan_get(const struct sum_cpu_plan *plan, enum sum_cpu_field_id field) {
    return plan_get(&family, plan, field);
}

void sum_cpu_plan_set(struct sum_cpu_plan *plan, enum sum_cpu_field_id field, int value) {
    plan_set(&family, plan, field, value);
}

bool sum_cpu_plan_equal(const struct sum_cpu_plan *a, const struct sum_cpu_plan *b) {
    return plan_equal(&family, a, b);
}

char *sum_cpu_plan_text(const struct sum_cpu_plan *plan, char *out) {
    return plan_text(&family, plan, out);
}

int sum_cpu_plan_parse(const char *text, struct sum_cpu_plan *plan, char *why) {
    struct sum_cpu_plan parsed = sum_cpu_plan_default(ELEMENT_F32, SUM_PLAIN, 0, 1);
    unsigned named;
    if (plan_parse(&family, text, &parsed, &named, why))
        return -1;
    /* Fields not named should not make the named ones illegal. */
    if (!(named & SUM_CPU_FIELD_BIT(acc)) && parsed.type == ELEMENT_F64)
        parsed.acc = SUM_ACC64;
    if (!(named & SUM_CPU_FIELD_BIT(unroll)))
        while (parsed.unroll * parsed.streams > SUM_CPU_ACCUMULATORS)
            parsed.unroll /= 2;
    if (sum_cpu_plan_check(&parsed, why))
        return -1;
    *plan = parsed;
    return 0;
}

struct json_t *sum_cpu_plan_json(const struct sum_cpu_plan *plan) {
    return plan_json(&family, plan);
}

int sum_cpu_plans_all(const struct sum_cpu_choice *choice, struct sum_cpu_plan **plans,
                      size_t *count) {
    struct plan_list list;
    if (plan_all(&family, choice->mask, &choice->fixed, &list))
        return -1;
    *plans = list.plans;
    *count = list.count;
    return 0;
}

int sum_cpu_plans_pairs(const struct sum_cpu_choice *choice, struct sum_cpu_plan **plans,
                        size_t *count) {
    struct plan_list list;
    if (plan_pairs(&family, choice->mask, &choice->fixed, &list))
        return -1;
    *plans = list.plans;
    *count = list.count;
    return 0;
}

bool sum_cpu_plan_mutant(const struct sum_cpu_plan *plan, enum sum_cpu_field_id field,
                         struct sum_cpu_plan *mutant) {
    return plan_mutant(&family, plan, field, mutant);
}

/* --- arithmetic ------------------------------------------------------------------------------- */

double sum_cpu_bytes_moved(const struct sum_cpu_plan *plan, size_t n) {
    return (double)n * (double)element_bytes((enum element)plan->type) +
           (plan->acc == SUM_ACC64 ? 8 : 4);
}

double sum_cpu_flops(const struct sum_cpu_plan *plan, size_t n) {
    return (n ? (double)n - 1 : 0) * (plan->method == SUM_COMPENSATED ? 7 : 1);
}
