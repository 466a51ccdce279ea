/*
 * occupancy.c: S8. Occupancy alone: the same numbers, the same code, only the machine has more or
 * fewer processors, or room for more or fewer blocks on each. A fixed grid keeps the bits; a grid
 * derived from the machine, processors × blocks per processor as many reductions choose it, gives
 * other bits on another machine.
 *
 * Machines are stood for by their numbers. The derived grid is then a plan's own field; the fixed
 * plan runs with as many blocks live at once as the machine would hold (where it is simulated; a
 * GPU holds what it holds). On a CPU the grid is the number of threads.
 */
#include "kernels/ptx/ptx.h"
#include "kernels/simt/simt.h"
#include "labs/01-float-staging/staging.h"

/* 2,049 tiles of the kernels' plan: more than any grid has blocks. */
#define OCCUPANCY_N 65537

/* 132 processors are an H100's or H200's; 8 those of an embedded GPU. */
static const struct machine {
    unsigned processors, blocks;
} gpus[] = {{8, 1}, {132, 1}, {132, 4}, {132, 8}}, cpus[] = {{1, 1}, {2, 1}, {3, 1}, {4, 1}};
#define MACHINES (sizeof gpus / sizeof *gpus)

static const char *const fixed_plans[] = {
    [false] = "f32.plain.strided.v1.i1.b32.g132.shfl-down.warp.last",
    [true] = "f32.plain.l8.u2.s2.e512.t2"};

static int observe(struct lab_run *run, struct device *device, const struct machine *machine,
                   const struct sum_variant *v, const char *grid) {
    struct lab_case *c =
        lab_case_begin(run, device_id(device), "01/occupancy/grid=%s/processors=%u/blocks=%u", grid,
                       machine->processors, machine->blocks);
    const struct simt_config config = {.resident = machine->processors * machine->blocks,
                                       .block_order = SIMT_BLOCKS_RANDOM,
                                       .interleave = SIMT_ROUND_ROBIN,
                                       .seed = lab_seed(run)};
    const struct ptx_config ptx = {
        .resident = config.resident, .order = PTX_RANDOM, .seed = lab_seed(run)};
    int status = c && device_kind(device) == DEVICE_SIMT ? simt_configure(&config) : 0;
    if (device_compiled(device_kind(device)))
        ptx_configure(&ptx);
    for (int kind = 0; kind < INPUT_SCORES && c && status == 0; kind++) {
        struct input in;
        struct job_bits got = {0};
        uint64_t predicted = 0;
        status =
            input_open(&in, device, (enum input_kind)kind, ELEMENT_F32, OCCUPANCY_N, lab_seed(run));
        if (status == 0)
            status = sum_variant_model(v, in.x, NULL, OCCUPANCY_N, &predicted);
        if (status == 0)
            status = sum_once(in.memory, v, &got);
        input_close(&in);
        case_row(c);
        case_cell_text(c, "input", input_name((enum input_kind)kind));
        case_cell_bits(c, "measured", 32, got.bits);
        case_cell_bits(c, "predicted", 32, predicted);
    }
    simt_configure(NULL);
    ptx_configure(NULL);
    if (c && status != 0) {
        lab_case_drop(c);
        return lab_error(run, "%s grid: %s", grid, device_error());
    }
    if (!c)
        return 0;
    case_param_int(c, "n", OCCUPANCY_N);
    case_param_text(c, "grid", grid);
    case_param_int(c, "processors", machine->processors);
    case_param_int(c, "blocks per processor", machine->blocks);
    case_variant(c, v);
    return lab_case_end(c);
}

int sweep_occupancy(struct lab_run *run, struct device *device) {
    bool native = device_kind(device) == DEVICE_CPU;
    const struct machine *machines = native ? cpus : gpus;
    struct sum_variant fixed;
    char why[SUM_WHY];
    int status = 0;
    if (sum_variant_parse(fixed_plans[native], device_kind(device), &fixed, why) != 0)
        return lab_error(run, "the fixed plan: %s", why);
    lab_expect(run, 2 * MACHINES);
    for (size_t k = 0; k < MACHINES && status == 0 && !lab_stopping(run); k++) {
        struct sum_variant derived = fixed;
        sum_variant_set(&derived, native ? (size_t)SUM_CPU_FIELD_threads : (size_t)SUM_FIELD_grid,
                        (int)(machines[k].processors * machines[k].blocks));
        status = observe(run, device, &machines[k], &fixed, "fixed");
        if (status == 0)
            status = observe(run, device, &machines[k], &derived, "derived");
    }
    return status;
}

/* Results of one grid over all machines, for the data set of row k. */
static size_t distinct_of(const struct rows *rows, size_t k, const char *grid, size_t *machines) {
    char terms[100];
    snprintf(terms, sizeof terms, "grid=%s;input=%s", grid, row_text(rows, k, "input"));
    struct rows same = rows_select(rows, "01/occupancy/", terms);
    size_t distinct = rows_distinct(&same, 0, same.count, "measured");
    *machines = same.count;
    rows_free(&same);
    return distinct;
}

/* One check for each data set: one result from the fixed grid, several from the derived ones. */
void check_occupancy(const struct rows *rows, struct finding *f) {
    struct rows sorted = rows_select(rows, "01/occupancy/", NULL);
    size_t first = 0, count = 0, kept = 0, moved = 0, sets = 0;
    rows_sort(&sorted, "input");
    for (size_t k = 0; k < sorted.count; k++)
        if (!sum_same_bits(SUM_ACC32, row_bits(&sorted, k, "measured"),
                           row_bits(&sorted, k, "predicted")))
            finding_predicted(f, false, &sorted, k);
    while (rows_group(&sorted, "input", &first, &count)) {
        size_t fixed_on, derived_on;
        size_t fixed = distinct_of(&sorted, first, "fixed", &fixed_on);
        size_t derived = distinct_of(&sorted, first, "derived", &derived_on);
        if (fixed_on < 2 || derived_on < 2) { /* one machine is no comparison */
            finding_count(f, ANSWER_OPEN, &sorted, first);
            continue;
        }
        finding_count(f, answer_both(answer_if(fixed == 1), answer_if(derived > 1)), &sorted,
                      first);
        kept += fixed == 1;
        moved += derived > 1;
        sets++;
        finding_number(f, "1", number((double)derived), "results of %zu derived grids, %s data",
                       derived_on, row_text(&sorted, first, "input"));
    }
    finding_say(f,
                "a fixed grid kept the bits on %zu of %zu data sets, grids derived from processors "
                "and occupancy moved them on %zu",
                kept, sets, moved);
    finding_settle(f, SETTLE_ALL, "part of the data sets");
    rows_free(&sorted);
}
