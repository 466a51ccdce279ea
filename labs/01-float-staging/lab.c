/*
 * Lab 01, float staging: which bits does the staging tree decide?
 *
 * Each way to cut up a sum (a plan) is a tree of additions. The sweeps predict the bits of every
 * plan, run it, and compare; recover the trees from outputs alone, libraries' too; and time plans
 * and cures. README.md tells the same story in words, in the same order.
 */
#include <stdlib.h>

#include "harness/measure/ulp.h"
#include "labs/01-float-staging/staging.h"

static const struct claim claims[] = {
    {"S1", "Floating-point addition is not associative: the order is part of the result.",
     .refuted_by = "no triple of a thousand whose two orders differ", .on = CLAIM_BITS,
     .cases = "01/order/", .sweep = sweep_order, .check = check_order},
    {"S2", "Staging changes the tree and with it the last bits, within the error bound.",
     .refuted_by = "one result from all plans, whatever the numbers", .on = CLAIM_BITS,
     .cases = "01/sum/", .sweep = sweep_sums, .check = check_staging},
    {"S3",
     "The spread between trees grows with n, cancellation and mixed magnitudes, and shrinks with "
     "wider accumulators.",
     .refuted_by = "spreads that go the other way in most steps and this way in none",
     .on = CLAIM_BITS, .cases = "01/sum/", .sweep = sweep_sums, .check = check_spread},
    {"S4",
     "The bits are predictable: given the tree, a CPU reproduces the device's result exactly.",
     .refuted_by = "one bit that is not the predicted one", .on = CLAIM_BITS, .cases = "01/sum/",
     .sweep = sweep_sums, .check = check_predicted},
    {"S5", "The tree can be recovered from outputs alone, from our kernels and from libraries.",
     .refuted_by = "sums with a fixed order that outputs do not give away", .on = CLAIM_BITS,
     .cases = "01/tree/", .sweep = sweep_trees, .check = check_recovered},
    {"S6",
     "A fixed tree and a binned sum remove the dependence, a compensated sum shrinks it; each has "
     "a measured price.",
     .refuted_by = "cures whose results differ between plans or repetitions",
     .on = CLAIM_BITS | CLAIM_TIME, .cases = "01/sum/ 01/repeat/ 01/time/", .sweep = sweep_cures,
     .check = check_cures},
    {"S8", "Occupancy alone: a fixed grid keeps the bits, a grid derived from occupancy does not.",
     .refuted_by = "one result from all derived grids, or several from the fixed one",
     .on = CLAIM_BITS, .cases = "01/occupancy/", .sweep = sweep_occupancy,
     .check = check_occupancy},
};

static const struct quantity quantities[] = {
    {"n", "1", "numbers summed"},
    {"plan", "", "the variant's id"},
    {"type", "", "of the inputs"},
    {"acc", "", "type of the additions and of the result"},
    {"method", "", "plain, compensated, binned or exact"},
    {"terms", "", "what is summed: elements, or products of two"},
    {"input", "", "data set"},
    {"measured", "bits", "result of the device"},
    {"predicted", "bits", "result of the model"},
    {"exact", "bits", "the exact sum, rounded once"},
    {"ulp", "ulp", "steps from the measured to the exact result"},
    {"reference", "1", "the exact sum, as a number"},
    {"error", "1", "distance of the measured result from it"},
    {"bound", "1", "what that cannot exceed, by the plan's own tree"},
    {"library", "", "function of a library"},
    {"version", "", "of the library"},
    {"outcome", "", "of a recovery: recovered, or why not"},
    {"why", "", "what was seen instead of a tree"},
    {"rule", "", "arithmetic that gives every bit"},
    {"as expected", "", "the plan's own tree, or the right name of why it has none"},
    {"probes", "1", "calls that found the order"},
    {"calls", "1", "all calls"},
    {"rechecked", "1", "measured sizes of subtrees computed again from the tree"},
    {"fresh", "1", "pairs measured afterwards that agreed"},
    {"data sets", "1", "random inputs whose bits the tree gave"},
    {"depth", "1", "additions on the longest path"},
    {"bytes", "bytes", "read by one sum"},
    {"threads", "1", "workers; 0 on a GPU"},
    {"workers", "", "the same in words"},
    {"name", "", "plan or library"},
    {"role", "", "plain, a cure, or a library"},
    {"over plain", "1", "time over that of the fastest plain plan of its contest"},
    {"grid", "", "fixed, or derived from the machine"},
    {"processors", "1", "of the machine that is stood for"},
    {"blocks per processor", "1", "that it holds at a time"},
};

static const struct kernels_used kernels[] = {
    {"01/", "sum/"},
    {"01/tree/", "sum/ tree/"},
    {"01/time/", "roofs/ sum/ tree/target"},
};

static const struct table_spec tables[] = {
    {"distinct", "01/sum/", "device\tmethod\tdata\tn\tdistinct\tplans", .write = write_distinct},
    {"error", "01/sum/", "view\tdevice\tmethod\tdata\tn\tmedian\tsmallest\tlargest\tbound",
     .write = write_error},
    {"libraries", "01/tree/", .columns = "library!; n; outcome; depth; probes; arithmetic = rule"},
    {"bandwidth", "01/time/",
     .columns = "device; threads = workers; bytes; role!; name; gbps, low, high = bytes per second "
                "/ 1e9~; roof fraction"},
    {"price", "01/time/", "device\tkind\tthreads\tbytes\twhat\tratio\tlow\thigh\tof\tover",
     .write = write_price},
    {"occupancy", "01/occupancy/",
     "device; data = input; grid; processors; blocks per processor; plan; bits = measured",
     .sort = "device;input;grid;processors;blocks per processor"},
};

/* --- --predict: the base plan and its neighbours, one field changed at a time, on one data set --
 */

#define PREDICT_N 4097

static int predict_all(struct lab_run *run, const struct input *in,
                       const struct sum_variant *variants, size_t count) {
    uint64_t bits[VARIANTS_ONE_AT_A_TIME];
    size_t told = 0;
    for (size_t k = 0; k < count && k < VARIANTS_ONE_AT_A_TIME; k++) {
        struct sum_class class = sum_variant_class(&variants[k]);
        char plan[SUM_TEXT];
        if (class.type != ELEMENT_F32 || class.acc != SUM_ACC32 || class.products)
            continue;
        if (sum_variant_model(&variants[k], in->x, NULL, PREDICT_N, &bits[told]) != 0)
            return lab_error(run, "out of memory in the model");
        lab_note(run, "%08llx = %.9g by %s", (unsigned long long)bits[told],
                 sum_value(SUM_ACC32, bits[told]), sum_variant_text(&variants[k], plan));
        told++;
    }
    lab_note(run, "%ld different results from %zu plans; the exact sum is %.9g",
             ulp_distinct(bits, told), told, in->facts.exact);
    return 0;
}

static int predict(struct lab_run *run) {
    struct input in;
    int status = 0;
    if (input_open(&in, NULL, INPUT_CANCELLING, ELEMENT_F32, PREDICT_N, lab_seed(run)) != 0)
        return lab_error(run, "%s", device_error());
    for (size_t k = 0; k < lab_bits_devices(run) && status == 0; k++) {
        struct device *device = lab_bits_device(run, k);
        struct sum_variant *variants = NULL;
        size_t count = 0;
        lab_note(run, "predicted for %s, before anything has run: the sum of %d cancelling floats",
                 device_id(device), PREDICT_N);
        status = variants_for(device_kind(device), lab_mode(run), &variants, &count) == 0
                     ? predict_all(run, &in, variants, count)
                     : lab_error(run, "out of memory while listing the plans");
        free(variants);
    }
    input_close(&in);
    return status;
}

const struct lab lab = {
    .number = 1,
    .name = "float-staging",
    .question = "Which bits does the staging tree decide?",
    .needs = "a CPU; a GPU if there is one",
    .takes = "quick 30 s, default 5 min on two cores",
    .bits_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_PTX) |
                    LAB_ON(DEVICE_SASS) | LAB_ON(DEVICE_CUDA),
    .time_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .quantities = quantities,
    .quantity_count = sizeof quantities / sizeof *quantities,
    .kernels = kernels,
    .kernel_count = sizeof kernels / sizeof *kernels,
    .tables = tables,
    .table_count = sizeof tables / sizeof *tables,
    .predict = predict,
};
