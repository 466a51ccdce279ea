/*
 * tour_sums.h: the steps of the tour that add: one sum in two orders, the tree behind a sum, and
 * what the size of a block does to the last bits. Part of tour.c.
 */
#ifndef NANOLAB_TOOLS_TOUR_SUMS_H
#define NANOLAB_TOOLS_TOUR_SUMS_H

#include "harness/measure/ulp.h"
#include "kernels/rng/data.h"
#include "kernels/sum/sum_job.h"
#include "kernels/tree/plan_target.h"
#include "kernels/tree/recover.h"
#include "kernels/tree/targets.h"
#include "kernels/tree/tree.h"
#include "kernels/tree/tree_lines.h"
#include "tools/tour_stage.h"

/* One plan on one set of numbers: first what must come out, then what does. */
struct tour_sum {
    struct sum_memory *memory;
    struct sum_variant variant;
    struct job job;
    uint64_t predicted, measured;
};

static void sum_close(struct tour_sum *s) {
    job_close(&s->job);
    sum_memory_close(s->memory);
    *s = (struct tour_sum){0};
}

/* Predicts; 0, or -1 with device_error(). Close it either way. */
static int sum_open(struct tour *t, struct tour_sum *s, struct device *device, const char *plan,
                    const float *x, size_t n) {
    char why[SUM_WHY];
    struct job_bits bits;
    *s = (struct tour_sum){0};
    if (sum_variant_parse(plan, device_kind(device), &s->variant, why) != 0)
        return device_fail("%s: %s", plan, why);
    if (sum_memory_open(&s->memory, device, ELEMENT_F32, false, n) != 0 ||
        sum_memory_write(s->memory, x, NULL) != 0 ||
        sum_job_open(&s->job, s->memory, &s->variant) != 0 || job_predict(&s->job, &bits) != 0)
        return -1;
    s->predicted = foretold(t, bits.bits);
    return 0;
}

static int sum_run(struct tour_sum *s) {
    struct job_bits bits;
    if (job_call(&s->job) != 0 || job_bits(&s->job, &bits) != 0)
        return -1;
    s->measured = bits.bits;
    return 0;
}

/* --- one sum, two orders -----------------------------------------------------------------------
 */

enum { TENTHS = 10 };

static int show_two_orders(struct tour *t, struct tour_sum sums[2]) {
    static const char *const plans[2] = {"f32.l1.u1.s1.whole.t1",
                                         "f32.l8.u1.s1.whole.t1.lanes-pairs"};
    static const char *const names[2] = {"one by one", "in pairs"};
    float x[TENTHS];
    for (int k = 0; k < TENTHS; k++)
        x[k] = 0.1f;
    for (int k = 0; k < 2; k++) {
        if (sum_open(t, &sums[k], t->cpu, plans[k], x, TENTHS) != 0)
            return -1;
        struct tree *tree = sum_variant_tree(&sums[k].variant, TENTHS);
        char *text = tree ? tree_text(tree) : NULL;
        row(t, "  %-16s %s", names[k], text ? text : "?");
        free(text);
        tree_free(tree);
    }
    put(t, "\n");
    if (ask(t, "Do both orders give 1? Neither, or one of them?") != 0)
        return 0;
    for (int k = 0; k < 2; k++) {
        if (sum_run(&sums[k]) != 0)
            return -1;
        compare_bits(t, names[k], sums[k].predicted, sums[k].measured, 8);
    }
    put(t, "\n");
    for (int k = 0; k < 2; k++)
        row(t, "  %-16s %.10f", names[k], (double)float_of(sums[k].measured));
    put(t, "\n");
    recall(t);
    return 0;
}

static int step_order(struct tour *t) {
    struct tour_sum sums[2] = {{0}};
    say(t,
        "A computer keeps 0.1 as the nearest number that it has. In FP32, with 24 bits, that is "
        "%.27g, and after each addition the result is rounded to such a number again.",
        (double)0.1f);
    say(t, "Here this processor adds ten of them, in two orders. A pair of brackets is one "
           "addition; the numbers are the inputs, 0 to 9.");
    int status = show_two_orders(t, sums);
    bool differ = sums[0].measured != sums[1].measured;
    if (status == 0 && !t->ended && differ)
        say(t, "Same numbers, same processor, another order: another result. Both are right: each "
               "addition was rounded as it should be.");
    for (int k = 0; k < 2; k++)
        sum_close(&sums[k]);
    return status;
}

/* --- another block, another last bit -----------------------------------------------------------
 */

enum { BLOCK_N = 1000, BLOCK_SIZES = 5 };

static int show_blocks(struct tour *t, const float *x, struct tour_sum *sums) {
    static const int sizes[BLOCK_SIZES] = {32, 64, 128, 256, 512};
    char names[BLOCK_SIZES][24];
    uint64_t bits[BLOCK_SIZES];
    struct sum_facts facts;
    if (sum_facts_of(ELEMENT_F32, x, NULL, BLOCK_N, &facts) != 0)
        return device_fail("out of memory; close other programs");
    for (int k = 0; k < BLOCK_SIZES; k++) {
        char plan[40];
        snprintf(plan, sizeof plan, "f32.v1.i1.b%d", sizes[k]);
        snprintf(names[k], sizeof names[k], "%d threads", sizes[k]);
        if (sum_open(t, &sums[k], t->simt, plan, x, BLOCK_N) != 0)
            return -1;
        row(t, "  %-16s predicted 0x%08" PRIx64 ", that is %.9g", names[k], sums[k].predicted,
            (double)float_of(sums[k].predicted));
    }
    put(t, "\n");
    if (ask(t, "All that was predicted, nothing has run. Will the kernel give just these bits? In "
               "how many of the five sizes?") != 0)
        return 0;
    for (int k = 0; k < BLOCK_SIZES; k++) {
        if (sum_run(&sums[k]) != 0)
            return -1;
        bits[k] = sums[k].measured;
        compare_bits(t, names[k], sums[k].predicted, sums[k].measured, 8);
    }
    put(t, "\n");
    recall(t);
    say(t,
        "Five plans, %ld different results. How far each is from the exact sum, in units of the "
        "last place:",
        ulp_distinct(bits, BLOCK_SIZES));
    double most = 0, away[BLOCK_SIZES];
    for (int k = 0; k < BLOCK_SIZES; k++) {
        away[k] = (double)ulp_distance_f32(float_of(bits[k]), float_of(facts.exact32));
        most = away[k] > most ? away[k] : most;
    }
    for (int k = 0; k < BLOCK_SIZES; k++)
        bar(t, names[k], away[k], most, " ulp");
    put(t, "\n");
    for (int k = 1; k < BLOCK_SIZES; k++)
        if (bits[k] != bits[0]) {
            show_flips(t, names[0], bits[0], names[k], bits[k]);
            break;
        }
    return 0;
}

static int step_block(struct tour *t) {
    static float x[BLOCK_N];
    struct tour_sum sums[BLOCK_SIZES] = {{0}};
    struct data_options options = {.seed = t->seed};
    if (data_fill(DATA_UNIFORM, ELEMENT_F32, &options, x, BLOCK_N) != 0)
        return device_fail("out of memory; close other programs");
    say(t,
        "A CUDA kernel adds %d random numbers. How many threads its blocks have decides which "
        "numbers meet first, so it decides the order. The kernel runs on a simulated GPU (SIMT "
        "machine): the source that a GPU gets, with the same bits.",
        BLOCK_N);
    say(t, "A model of the kernel says beforehand which bits must come out:");
    int status = show_blocks(t, x, sums);
    if (status == 0 && !t->ended)
        say(t, "Nobody changed the numbers or the program. Somebody changed how it is launched.");
    for (int k = 0; k < BLOCK_SIZES; k++)
        sum_close(&sums[k]);
    return status;
}

#endif
