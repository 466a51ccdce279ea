/*
 * predict.c: --predict. What the model says the bits will be, told before anything has run: the
 * base plan and its neighbours, one field changed at a time, on one data set.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/measure/ulp.h"
#include "labs/01-float-staging/staging.h"

#define PREDICT_N 4097
#define PREDICT_INPUT INPUT_CANCELLING

static int predict_device(struct lab_run *run, struct device *device) {
    struct variant *variants;
    struct input in;
    uint64_t bits[VARIANTS_ONE_AT_A_TIME];
    size_t count, told = 0;
    if (input_make(&in, PREDICT_INPUT, SUM_F32, PREDICT_N, lab_seed(run)) != 0)
        return lab_error(run, "out of memory for the numbers to predict");
    if (variants_for(device_kind(device), lab_mode(run), &variants, &count) != 0) {
        input_free(&in);
        return lab_error(run, "out of memory while listing the plans");
    }
    lab_note(run, "predicted for %s, before anything has run: the sum of %d cancelling floats",
             device_id(device), PREDICT_N);
    int status = 0;
    for (size_t k = 0; k < count && k < VARIANTS_ONE_AT_A_TIME && status == 0; k++) {
        struct variant_class class = variant_class(&variants[k]);
        char plan[VARIANT_TEXT];
        if (class.type != SUM_F32 || class.acc != SUM_ACC32 || class.dot)
            continue;
        variant_text(&variants[k], plan);
        status = variant_model(&variants[k], in.x, NULL, in.n, &bits[told]);
        if (status == 0)
            lab_note(run, "%08llx = %.9g by %s", (unsigned long long)bits[told],
                     variant_value(SUM_ACC32, bits[told]), plan);
        told++;
    }
    if (status == 0)
        lab_note(run, "%ld different results from %zu plans; the exact sum is %.9g",
                 ulp_distinct(bits, told), told, in.exact);
    else
        lab_error(run, "out of memory in the model");
    free(variants);
    input_free(&in);
    return status;
}

int predict(struct lab_run *run) {
    for (size_t k = 0; k < lab_bits_devices(run); k++)
        if (predict_device(run, lab_bits_device(run, k)) != 0)
            return -1;
    return 0;
}
