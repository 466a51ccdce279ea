/*
 * repeat.c: the same plan on the same numbers, again and again. A fixed tree and a binned sum must
 * give one result; on the SIMT machine every repetition runs under another random schedule of
 * blocks and warps, on real hardware under whatever schedule it is given.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kernels/simt/simt.h"
#include "labs/01-float-staging/staging.h"

#define REPEATS 50
#define REPEAT_N 16411

static const char *const kernel_plans[] = {
    "f32.plain.strided.v4.i4.b128.tiles.shfl-down.warp.block",
    "f32.plain.strided.v1.i4.b64.g8.shfl-xor.tree.last",
    "f32.compensated.strided.v1.i4.b128.tiles.shfl-down.warp.kernel",
    "f32.binned.strided.v4.i4.b128.tiles.shfl-down.warp.last",
};
static const char *const native_plans[] = {
    "f32.plain.l16.u4.s2.e1k.t2",
    "f32.compensated.l16.u2.s1.whole.t2",
    "f32.binned.l16.u1.s4.e1k.t2",
};

static int repeat(struct lab_run *run, struct device *device, struct room *room,
                  const struct variant *v, const struct input *in) {
    char plan[VARIANT_TEXT];
    variant_text(v, plan);
    struct lab_case *c = lab_case_begin(run, device_id(device), "01/repeat/plan=%s", plan);
    if (!c)
        return 0;
    uint64_t bits[REPEATS];
    for (unsigned k = 0; k < REPEATS; k++) {
        struct simt_config config = {.resident = 1 + k % 16,
                                     .block_order = SIMT_BLOCKS_RANDOM,
                                     .interleave = SIMT_RANDOM,
                                     .seed = lab_seed(run) + k};
        int status = device_kind(device) == DEVICE_SIMT ? simt_configure(&config) : 0;
        if (status == 0)
            status = variant_run(room, v, in->x, in->y, in->n, &bits[k]);
        if (status != 0) {
            simt_configure(NULL);
            lab_case_drop(c);
            return lab_error(run, "plan %s, repetition %u: %s", plan, k, device_error());
        }
    }
    simt_configure(NULL);
    case_param_int(c, "n", (int64_t)in->n);
    case_param_int(c, "method", variant_class(v).method);
    case_param_text(c, "plan", plan);
    case_plan(c, variant_json(v));
    case_series_bits(c, "measured", variant_class(v).acc == SUM_ACC64 ? 64 : 32, bits, REPEATS);
    return lab_case_end(c);
}

int sweep_repeat(struct lab_run *run, struct device *device) {
    bool native = device_kind(device) == DEVICE_CPU;
    size_t count = native ? sizeof native_plans / sizeof *native_plans
                          : sizeof kernel_plans / sizeof *kernel_plans;
    lab_expect(run, count);
    struct input in;
    struct room *room;
    if (input_make(&in, INPUT_CANCELLING, SUM_F32, REPEAT_N, lab_seed(run)) != 0)
        return lab_error(run, "out of memory for the repeated sums");
    int status = room_open(&room, device, REPEAT_N);
    if (status != 0)
        lab_error(run, "%s", device_error());
    for (size_t k = 0; k < count && status == 0 && !lab_stopping(run); k++) {
        struct variant v = {.native = native};
        char why[SUM_WHY];
        status = native ? sum_cpu_plan_parse(native_plans[k], &v.cpu, why)
                        : sum_plan_parse(kernel_plans[k], &v.plan, why);
        if (status != 0)
            lab_error(run, "plan of the repeated sums: %s", why);
        else
            status = repeat(run, device, room, &v, &in);
    }
    room_close(room);
    input_free(&in);
    return status;
}
