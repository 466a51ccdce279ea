/*
 * Lab @NN@, @NAME@: does the direction in which numbers are added decide the bits of their sum?
 *
 * A case for each n adds the terms 1/1 … 1/n in float, forwards and backwards, and records both
 * results; the check compares them. Make the mechanism, the claim, the sweep and the check your
 * own: docs/writing-a-lab.md has the rules. README.md tells the same in words.
 */
#include <stdio.h>
#include <string.h>

#include "harness/lab/lab.h"
#include "harness/lab/tables.h"

/* The sum of 1/k over k = 1 … n, each operation rounded to float. */
static float harmonic(size_t n, bool backwards) {
    float sum = 0;
    for (size_t i = 1; i <= n; i++)
        sum += 1.0f / (float)(backwards ? n + 1 - i : i);
    return sum;
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* --- @NN@.1: both directions give the same bits -------------------------------------------------
 */

/* Sizes grow by two; odd ones, because powers of two hide mistakes at the edges. */
static size_t largest(const struct lab_run *run) {
    switch (lab_mode(run)) {
    case LAB_QUICK:
        return (size_t)1 << 12;
    case LAB_DEFAULT:
        return (size_t)1 << 18;
    default:
        return (size_t)1 << 24;
    }
}

static int run_case(struct lab_run *run, const struct device *device, size_t n) {
    struct lab_case *c = lab_case_begin(run, device_id(device), "@NN@/harmonic/n=%zu", n);
    if (!c)
        return 0; /* recorded by an earlier session of this run */
    uint32_t forwards = bits_of(harmonic(n, false)), backwards = bits_of(harmonic(n, true));
    case_param_int(c, "n", (int64_t)n);
    case_row(c);
    case_cell_bits(c, "forwards", 32, forwards);
    case_cell_bits(c, "backwards", 32, backwards);
    /* Neighbouring floats of one sign have neighbouring bit patterns. */
    case_cell_int(c, "distance",
                  forwards > backwards ? forwards - backwards : backwards - forwards);
    return lab_case_end(c);
}

static int sweep_directions(struct lab_run *run, struct device *device) {
    for (size_t n = 1; n <= largest(run) && !lab_stopping(run); n = 2 * n + 1) {
        lab_expect(run, 1);
        if (run_case(run, device, n) != 0)
            return -1;
    }
    return 0;
}

/* A pure function of the recorded rows; what it asks is exact, so no answer is left open. */
static void check_directions(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++) {
        bool same = row_bits(rows, k, "forwards") == row_bits(rows, k, "backwards");
        finding_count(f, answer_if(same), rows, k);
    }
    finding_say(f, "both directions gave the same bits for %llu of %zu sizes",
                (unsigned long long)f->held, rows->count);
    finding_settle(f, SETTLE_ALL, "some of the sizes: see the plot");
}

/* --- the lab ------------------------------------------------------------------------------------
 */

static int predict(struct lab_run *run) {
    (void)run;
    printf("prediction: equal bits up to n = 2, where only two terms are added\n");
    return 0;
}

static const struct claim claims[] = {
    {"@NN@.1", "Adding the terms 1/1 ... 1/n forwards and backwards gives the same bits.",
     .refuted_by = "not one size with equal bits", .on = CLAIM_BITS, .cases = "@NN@/harmonic/",
     .sweep = sweep_directions, .check = check_directions},
};

/* Every name that is recorded; one that is not here is refused. */
static const struct quantity quantities[] = {
    {"n", "1", "terms"},
    {"forwards", "bits", "the sum from the largest term to the smallest"},
    {"backwards", "bits", "the sum from the smallest term to the largest"},
    {"distance", "ulp", "floats from one to the other"},
};

static const struct table_spec tables[] = {
    {"difference", "@NN@/harmonic/", "device; n; ulps = distance", .sort = "device;n"},
};

const struct lab lab = {
    .number = @N@,
    .name = "@NAME@",
    .question = "Does the direction in which numbers are added decide the bits of their sum?",
    .needs = "a CPU",
    .takes = "quick under 1 s",
    .bits_devices = LAB_ON(DEVICE_CPU),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .quantities = quantities,
    .quantity_count = sizeof quantities / sizeof *quantities,
    .tables = tables,
    .table_count = sizeof tables / sizeof *tables,
    .predict = predict,
};
