/*
 * order.c: S1, the smallest case of all: three numbers, added in two orders.
 *
 * One triple whose results differ would do; a thousand are added. And a thousand of whole numbers,
 * whose sums need no rounding: if those differed too, something else than rounding would be at
 * work.
 */
#include "kernels/rng/philox.h"
#include "labs/01-float-staging/staging.h"

#define TRIPLES 1000
#define STREAM_TRIPLES 0x7419

/* Bits of (a + b) + c and of a + (b + c). */
struct triples {
    uint64_t left[TRIPLES], right[TRIPLES];
};

/* One thread adds three numbers in their order, in either kind of plan. */
static const char *const plans[] = {[false] = "f32.plain.blocked.v1.i4.b32.tiles.thread",
                                    [true] = "f32.plain.l1.u1.s1.whole.pf0.t1"};

static int add(struct sum_memory *memory, const struct job *job, const float x[3], uint64_t *out) {
    struct job_bits bits;
    if (sum_memory_write(memory, x, NULL) != 0 || job_call(job) != 0 || job_bits(job, &bits) != 0)
        return -1;
    *out = bits.bits;
    return 0;
}

static int add_all(struct sum_memory *memory, const struct job *job, uint64_t seed, bool whole,
                   struct triples *out) {
    for (size_t k = 0; k < TRIPLES; k++) {
        float x[3];
        for (size_t i = 0; i < 3; i++) {
            double z = philox_normal(seed, STREAM_TRIPLES, 3 * k + i);
            x[i] = whole ? (float)(int)(1000 * z) : (float)z;
        }
        const float turned[3] = {x[1], x[2], x[0]}; /* (b + c) + a is a + (b + c) */
        if (add(memory, job, x, &out->left[k]) != 0 ||
            add(memory, job, turned, &out->right[k]) != 0)
            return -1;
    }
    return 0;
}

static int measure(struct device *device, const struct sum_variant *v, uint64_t seed,
                   struct triples *normal, struct triples *whole) {
    struct sum_memory *memory;
    struct job job = {0};
    int status = sum_memory_open(&memory, device, ELEMENT_F32, false, 3);
    if (status == 0)
        status = sum_job_open(&job, memory, v);
    if (status == 0)
        status = add_all(memory, &job, seed, false, normal);
    if (status == 0)
        status = add_all(memory, &job, seed, true, whole);
    job_close(&job);
    sum_memory_close(memory);
    return status;
}

int sweep_order(struct lab_run *run, struct device *device) {
    static struct triples normal, whole;
    struct sum_variant v;
    char why[SUM_WHY];
    if (sum_variant_parse(plans[device_kind(device) == DEVICE_CPU], device_kind(device), &v, why))
        return lab_error(run, "the plan of the triples: %s", why);
    lab_expect(run, 1);
    struct lab_case *c = lab_case_begin(run, device_id(device), "01/order/triples=%d", TRIPLES);
    if (!c)
        return 0;
    if (measure(device, &v, lab_seed(run), &normal, &whole) != 0) {
        lab_case_drop(c);
        return lab_error(run, "three numbers: %s", device_error());
    }
    case_param_int(c, "n", 3);
    case_variant(c, &v);
    case_series_bits(c, "a+b then c", 32, normal.left, TRIPLES);
    case_series_bits(c, "a then b+c", 32, normal.right, TRIPLES);
    case_series_bits(c, "whole a+b then c", 32, whole.left, TRIPLES);
    case_series_bits(c, "whole a then b+c", 32, whole.right, TRIPLES);
    return lab_case_end(c);
}

static size_t differing(const struct rows *rows, size_t k, const char *left, const char *right) {
    size_t count = 0;
    for (size_t i = 0; i < row_series(rows, k, left); i++)
        count += !sum_same_bits(SUM_ACC32, row_series_bits(rows, k, left, i),
                                row_series_bits(rows, k, right, i));
    return count;
}

void check_order(const struct rows *rows, struct finding *f) {
    size_t differ = 0, triples = 0;
    for (size_t k = 0; k < rows->count; k++) {
        size_t here = differing(rows, k, "a+b then c", "a then b+c");
        size_t whole = differing(rows, k, "whole a+b then c", "whole a then b+c");
        finding_count(f, answer_if(here > 0), rows, k);
        finding_control(f, answer_if(whole == 0), "whole numbers, which need no rounding, agree");
        differ += here;
        triples += row_series(rows, k, "a+b then c");
    }
    finding_say(f, "(a + b) + c and a + (b + c) have different bits for %zu of %zu normal triples",
                differ, triples);
    finding_number(f, "1", number((double)differ),
                   "of %zu normal triples, those with other bits in the other order", triples);
    finding_settle(f, SETTLE_ALL, "not in every series of triples");
}
