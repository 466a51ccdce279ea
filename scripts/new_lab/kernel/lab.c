/*
 * Lab @NN@, @NAME@: in which order does a warp add?
 *
 * A kernel (halves.cu) adds n numbers with one warp. A model says beforehand, without running it,
 * which bits must come out, and a plain loop says which bits a CPU would give. Make the mechanism,
 * the claims, the sweep and the checks your own: docs/writing-a-lab.md has the rules. README.md
 * tells the same in words.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/lab/lab.h"
#include "harness/lab/tables.h"
#include "kernels/device/job.h"
#include "kernels/device/ops.h"
#include "kernels/rng/philox.h"
#include "labs/@NN@-@NAME@/halves.h"

DEVICE_OPS(halves_ops, "no header: this lab has no native form")

#define LARGEST 4099

/* --- the job: the kernel with its data, and its model -------------------------------------------
 */

struct sum {
    struct device *device;
    const struct halves_ops *ops;
    size_t n;
    const float *host; /* borrowed */
    void *x, *out;     /* in device memory */
};

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static int call(void *context) {
    struct sum *s = context;
    return s->ops->sum(s->x, s->n, s->out, device_stream(s->device));
}

static int bits(void *context, struct job_bits *out) {
    struct sum *s = context;
    float value;
    if (device_sync(s->device) != 0 || device_read(s->device, &value, s->out, sizeof value) != 0)
        return -1;
    *out = (struct job_bits){bits_of(value), 32};
    return 0;
}

/* The same additions in the same order, on the CPU. */
static int predict(void *context, struct job_bits *out) {
    const struct sum *s = context;
    float lane[32] = {0};
    for (size_t i = 0; i < s->n; i++)
        lane[i % 32] += s->host[i];
    for (int distance = 16; distance > 0; distance /= 2)
        for (int l = 0; l < distance; l++)
            lane[l] += lane[l + distance];
    *out = (struct job_bits){bits_of(lane[0]), 32};
    return 0;
}

static void close_job(void *context) {
    struct sum *s = context;
    if (s->x)
        device_free(s->device, s->x);
    if (s->out)
        device_free(s->device, s->out);
    free(s);
}

/* 0, or -1 with device_error(). On the SIMT machine the checked build runs: it reports races. */
static int open_job(struct job *out, struct device *device, const float *x, size_t n) {
    const struct halves_ops *ops =
        halves_ops_for(device_kind(device), device_kind(device) == DEVICE_SIMT);
    struct sum *s = calloc(1, sizeof *s);
    if (!ops || !s) {
        free(s);
        return ops ? device_fail("out of memory") : -1;
    }
    *s = (struct sum){device, ops, n, x, NULL, NULL};
    if (device_alloc(device, &s->x, n * sizeof *x) != 0 ||
        device_alloc(device, &s->out, sizeof(float)) != 0 ||
        device_write(device, s->x, x, n * sizeof *x) != 0) {
        close_job(s);
        return -1;
    }
    *out = (struct job){
        .context = s, .call = call, .bits = bits, .predict = predict, .close = close_job};
    return 0;
}

/* --- @NN@.1: a warp adds in the order that the model says ---------------------------------------
 */

static uint32_t loop_bits(const float *x, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return bits_of(sum);
}

static int run_case(struct lab_run *run, struct device *device, const float *x, size_t n) {
    struct lab_case *c = lab_case_begin(run, device_id(device), "@NN@/sum/n=%zu", n);
    struct job job = {0};
    struct job_bits measured, predicted;
    if (!c)
        return 0; /* recorded by an earlier session of this run */
    if (open_job(&job, device, x, n) != 0 || job_call(&job) != 0 ||
        job_bits(&job, &measured) != 0 || job_predict(&job, &predicted) != 0) {
        job_close(&job);
        lab_case_drop(c);
        return lab_error(run, "n = %zu on %s: %s", n, device_id(device), device_error());
    }
    job_close(&job);
    uint64_t loop = loop_bits(x, n);
    case_param_int(c, "n", (int64_t)n);
    case_row(c);
    case_cell_bits(c, "measured", 32, measured.bits);
    case_cell_bits(c, "predicted", 32, predicted.bits);
    case_cell_bits(c, "loop", 32, loop);
    /* Neighbouring floats of one sign have neighbouring bit patterns. */
    case_cell_int(c, "distance",
                  (int64_t)(loop > measured.bits ? loop - measured.bits : measured.bits - loop));
    return lab_case_end(c);
}

/* Odd sizes, because powers of two hide mistakes at the edges; and those about a warp's 32. */
static int sweep_sums(struct lab_run *run, struct device *device) {
    static const size_t sizes[] = {1, 2, 31, 32, 33, 67, 257, 1031, LARGEST};
    float *x = malloc(LARGEST * sizeof *x);
    int status = x ? 0 : lab_error(run, "out of memory");
    for (size_t i = 0; x && i < LARGEST; i++)
        x[i] = (float)(philox_at(lab_seed(run), @N@, i).v[0] >> 8) * 0x1p-24f;
    lab_expect(run, sizeof sizes / sizeof *sizes);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes && status == 0 && !lab_stopping(run); k++)
        status = run_case(run, device, x, sizes[k]);
    free(x);
    return status;
}

/* Bits that the model predicts and the kernel does not give are a bug of this lab. */
static void check_model(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++)
        finding_predicted(f, row_bits(rows, k, "measured") == row_bits(rows, k, "predicted"), rows,
                          k);
    finding_say(f, "at %llu of %zu sizes the bits are the predicted ones",
                (unsigned long long)f->held, rows->count);
    finding_settle(f, SETTLE_ALL, "the other sizes");
}

/* --- @NN@.2: a warp and a loop give the same bits -----------------------------------------------
 */

static void check_loop(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++)
        finding_count(f, answer_if(row_bits(rows, k, "measured") == row_bits(rows, k, "loop")),
                      rows, k);
    finding_say(f, "at %llu of %zu sizes a warp and a loop give the same bits",
                (unsigned long long)f->held, rows->count);
    finding_settle(f, SETTLE_ALL, "some of the sizes: see the plot");
}

/* --- the lab ------------------------------------------------------------------------------------
 */

static const struct claim claims[] = {
    {"@NN@.1", "A warp adds in the order that the model says.",
     .refuted_by = "bits other than the predicted ones, which is our bug", .on = CLAIM_BITS,
     .cases = "@NN@/sum/", .sweep = sweep_sums, .check = check_model},
    {"@NN@.2", "A warp's sum has the same bits as a loop's.",
     .refuted_by = "not one size with equal bits", .on = CLAIM_BITS, .cases = "@NN@/sum/",
     .sweep = sweep_sums, .check = check_loop},
};

/* Every name that is recorded; one that is not here is refused. */
static const struct quantity quantities[] = {
    {"n", "1", "numbers added"},
    {"measured", "bits", "the kernel's sum"},
    {"predicted", "bits", "the model's sum"},
    {"loop", "bits", "the sum of a plain loop"},
    {"distance", "ulp", "floats from the kernel's sum to the loop's"},
};

/* Which code its cases run, for comparisons of two builds. */
static const struct kernels_used kernels[] = {
    {"@NN@/", "labs/@NN@-@NAME@/"},
};

static const struct table_spec tables[] = {
    {"difference", "@NN@/sum/", "device; n; ulps = distance", .sort = "device;n"},
};

const struct lab lab = {
    .number = @N@,
    .name = "@NAME@",
    .question = "In which order does a warp add?",
    .needs = "a CPU; a GPU if there is one",
    .takes = "quick under 1 s",
    .bits_devices = LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_CUDA),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .quantities = quantities,
    .quantity_count = sizeof quantities / sizeof *quantities,
    .kernels = kernels,
    .kernel_count = sizeof kernels / sizeof *kernels,
    .tables = tables,
    .table_count = sizeof tables / sizeof *tables,
};
