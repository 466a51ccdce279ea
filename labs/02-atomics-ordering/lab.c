/*
 * Lab 02, atomics ordering: is arrival order state?
 *
 * Atomics promise that each update happens, not when. The sweeps recover the order of every logged
 * run from what each update found, and count the orders; repeat sums by atomics on the same numbers
 * and count the results; ask whether load widens the spread; replay the recovered orders to the
 * bit; and let each cure show one result and its price. README.md tells the same story in words.
 */
#include "labs/02-atomics-ordering/ordering.h"

#define ON_HARDWARE (LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA))

static const struct claim claims[] = {
    {"A1", "Blocks may run in any order: the same kernel on the same data sees different orders.",
     .refuted_by = "one order of the updates in all runs of every logged sum", .on = CLAIM_BITS,
     .cases = "02/replay/", .sweep = sweep_replay, .check = check_orders},
    {"A2",
     "Atomics guarantee each update, not the order of updates: a float sum can differ from run to "
     "run in its last bits.",
     .refuted_by = "one result in all runs of every sum whose order can matter", .on = CLAIM_BITS,
     .cases = "02/repeat/", .sweep = sweep_repeat, .check = check_spread},
    {"A3", "The spread appears or grows under load: contention, more blocks, a noisy neighbour.",
     .refuted_by = "a spread that shrinks with more threads or blocks and beside a neighbour",
     .on = CLAIM_BITS, .only = ON_HARDWARE,
     .cases = "02/batches/threads/ 02/batches/blocks/ 02/batches/neighbour/", .sweep = sweep_load,
     .check = check_load},
    {"A4", "Arrival order is the only cause: replaying the recorded order reproduces the bits.",
     .refuted_by = "runs whose recovered order gives other bits than their own", .on = CLAIM_BITS,
     .cases = "02/replay/ 02/reach/ 02/batches/logging/", .sweep = sweep_reach,
     .check = check_replay},
    {"A5",
     "Fixed-point atomics, ticketed merges, two-phase partials and binned atomics remove it, each "
     "at a measured price.",
     .refuted_by = "more than one result in the runs of every cure", .on = CLAIM_BITS | CLAIM_TIME,
     .cases = "02/cure/ 02/range/ 02/price/", .sweep = sweep_cures, .check = check_cures},
};

static const struct quantity quantities[] = {
    /* what was run */
    {"plan", "", "what is merged before the atomic, how an update is made, to how many addresses"},
    {"input", "", "distribution of the elements"},
    {"condition", "1", "Sum|x| / |sum x| of the elements"},
    {"load", "", "idle, or beside a neighbour that contends for the same words"},
    {"updates are", "", "what becomes one value before it meets the others"},
    {"n", "1", "elements"},
    {"addresses", "1", "that the updates go to"},
    {"workers", "1", "that make the updates: threads on a CPU, blocks elsewhere"},
    {"updates", "1", "of one run"},
    {"runs", "1", "of the same sum on the same elements"},
    /* what came out */
    {"measured", "bits", "the result; a hash of all where there are several"},
    {"predicted", "bits", "what the model says beforehand"},
    {"distinct", "1", "different results"},
    {"ulps from exact", "ulp", "signed distance of each run's result from the exact sum"},
    {"lowest ulps", "ulp", "smallest of these distances"},
    {"highest ulps", "ulp", "largest of these distances"},
    {"deviation ulps", "ulp", "their standard deviation"},
    /* replay.c */
    {"order", "bits", "a hash of the workers in the order of their updates"},
    {"distinct orders", "1", "different ones among the runs"},
    {"runs replayed", "1", "whose recovered order gives their own bits, at all addresses"},
    {"chains", "1", "addresses of all runs, each half of packed halves by itself"},
    {"chains replayed", "1", "whose recovered order gives the bits found there"},
    {"chains changed by a shuffle", "1", "to which a shuffled order gives other bits"},
    {"first failure", "", "of a replay: where, and why"},
    {"reachable", "bits", "every result that some order of the updates gives; how many"},
    {"orders", "1", "of the updates, those of one thread kept in their order"},
    {"outside", "1", "runs whose result no order gives"},
    {"results", "1", "that some order of so many updates gives"},
    /* load.c */
    {"question", "", "what the two settings differ in"},
    {"batch", "1", "runs in a batch"},
    {"pairs", "1", "of batches, one of each setting"},
    {"pair", "1", "number of the pair"},
    {"side", "", "a, or b, which has more of what is asked about"},
    {"setting", "", "plan and load of the batch"},
    {"spread", "ulp", "standard deviation of a batch's results"},
    {"spread of a", "ulp", "median over the batches of side a"},
    {"spread of b", "ulp", "median over the batches of side b"},
    {"change", "ulp", "median of the paired differences b - a"},
    /* cures.c */
    {"what", "", "kind of numbers"},
    {"unit", "1", "of fixed point, as an exponent of 2"},
    {"limit", "1", "largest |x| that fits"},
    {"status", "1", "bits of enum atomics_status that the sum set"},
    {"expected status", "1", "the bits that it documents"},
    {"as documented", "1", "1 if result and status are what atomics.h says"},
    {"name", "", "of the way"},
    {"place", "", "where the elements lie before a call"},
    {"over", "", "the way whose time is the denominator"},
    {"over plain", "1", "time over the plain sum's"},
};

static const struct kernels_used kernels[] = {
    {"02/", "atomics/ sum/exact"},
    {"02/price/", "atomics/ roofs/"},
};

static const struct table_spec tables[] = {
    {"replay", "02/replay/",
     .columns = "device; plan; data = input; load; runs; replayed = runs replayed; chains; "
                "changed by a shuffle = chains changed by a shuffle; orders = distinct orders"},
    {"repeat", "02/repeat/",
     .columns = "device; plan; data = input; load; threads or blocks = workers; runs; distinct; "
                "lowest ulps; "
                "highest ulps; deviation = deviation ulps; condition"},
    {"ladder", "02/repeat/",
     .columns = "device; updates are; load; threads or blocks = workers; distinct",
     .where = "plan.type=f32;plan.cure=plain;addresses=1;input=uniform"},
    {"distribution", "02/repeat/", .columns = "device\tplan\tload\tulps\truns",
     .where = "plan.type=f32;plan.merge=none;addresses=1;input=uniform",
     .write = repeat_distribution},
    {"load", "02/batches/",
     .columns = "device; question; pairs; spread of a; spread of b; change, low, high = change~",
     .where = "pair=0;side=a"},
    {"batches", "02/batches/", .columns = "device; question; setting; pair; spread"},
    {"reach", "02/reach/",
     .columns =
         "device; plan; data = input; updates; orders; reachable; observed = distinct; outside"},
    {"reachable", "02/reachable/", .columns = "device; data = input; updates; results"},
    {"cures", "02/cure/", .columns = "device; plan; data = input; load; runs; distinct"},
    {"range", "02/range/", .columns = "device; plan; what; status; as documented"},
    {"price", "02/price/",
     .columns = "device; name; place; n; ratio, low, high = over plain~!; over"},
    {"time", "02/price/",
     .columns = "device; name; plan; place; n; us, low, high = @median / 1e-6~"},
};

const struct lab lab = {
    .number = 2,
    .name = "atomics-ordering",
    .question = "Is arrival order state?",
    .needs = "a CPU; a GPU if there is one",
    .takes = "quick 60 s, default 3 min on two cores",
    .bits_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_PTX) |
                    LAB_ON(DEVICE_SASS) | LAB_ON(DEVICE_CUDA),
    .time_devices = ON_HARDWARE,
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .quantities = quantities,
    .quantity_count = sizeof quantities / sizeof *quantities,
    .kernels = kernels,
    .kernel_count = sizeof kernels / sizeof *kernels,
    .tables = tables,
    .table_count = sizeof tables / sizeof *tables,
};
