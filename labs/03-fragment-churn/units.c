/*
 * units.c: F4, F7 and F9. The matrix unit's own arithmetic.
 *
 * F7: every element of whole products is predicted from the rule of the unit (mma_rule.h) and
 * compared with what came out. The control is another unit's rule, which must not fit.
 *
 * F4: how many terms does the unit add in one step? The tree of a sum says so, by its nodes of many
 * children, found from outputs alone.
 *
 * F9: one line of PTX, an FP8 product, on cards that have an instruction for it and on cards that
 * do it in two steps of FP16.
 *
 * On the SIMT machine all of this is asked of one card after the other; on a GPU of the one there
 * is, and of what was compiled of the first card that it was compiled for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/mma/mma.h"
#include "kernels/mma/mma_cpu.h"
#include "kernels/mma/mma_fingerprint.h"
#include "kernels/simt/simt.h"
#include "labs/03-fragment-churn/fragments.h"

/* --- card by card --------------------------------------------------------------------------------
 */

static const char *const cards[] = {"V100", "T4", "A100", "L40S", "H100", "B200"};

/* Runs `ask` once for each card that the device can be. */
static int each_card(struct lab_run *run, struct device *device,
                     int (*ask)(struct lab_run *run, struct device *device, const char *card)) {
    char before[24], arch[24];
    int status = 0;
    if (device_kind(device) == DEVICE_CPU)
        return ask(run, device, "CPU");
    snprintf(arch, sizeof arch, "sm_%d", mma_capability(device));
    if (device_kind(device) != DEVICE_SIMT)
        return ask(run, device, mma_rule_card(arch) ? mma_rule_card(arch) : arch);
    snprintf(before, sizeof before, "%s", simt_card());
    for (size_t k = 0; k < sizeof cards / sizeof *cards && status == 0 && !lab_stopping(run); k++)
        status = simt_set_arch(cards[k]) != 0 ? lab_error(run, "%s", device_error())
                                              : ask(run, device, cards[k]);
    simt_set_arch(before);
    return status;
}

/* A kernel on a card, and a product for it. */
struct unit {
    const char *name;
    enum element in;
    int option; /* enum mma_kernel, or enum mma_cpu_isa */
};
static const struct unit kernels[] = {
    {"wmma-16x16x16", ELEMENT_F16, MMA_WMMA_16X16}, {"wmma-16x16x16", ELEMENT_BF16, MMA_WMMA_16X16},
    {"wmma-32x8x16", ELEMENT_F16, MMA_WMMA_32X8},   {"wmma-8x32x16", ELEMENT_F16, MMA_WMMA_8X32},
    {"m16n8k8", ELEMENT_F16, MMA_M16N8K8},          {"m16n8k16", ELEMENT_F16, MMA_M16N8K16},
    {"m16n8k16", ELEMENT_BF16, MMA_M16N8K16},       {"m16n8k8", ELEMENT_TF32, MMA_M16N8K8},
    {"m16n8k32", ELEMENT_E4M3, MMA_M16N8K32},       {"m16n8k32", ELEMENT_E5M2, MMA_M16N8K32},
    {"wgmma", ELEMENT_BF16, MMA_WARPGROUP},         {"scalar", ELEMENT_F16, MMA_SCALAR},
};
static const struct unit native[] = {
    {"scalar", ELEMENT_F32, MMA_CPU_SCALAR}, {"scalar", ELEMENT_BF16, MMA_CPU_SCALAR},
    {"avx2", ELEMENT_BF16, MMA_CPU_AVX2},    {"avx512-bf16", ELEMENT_BF16, MMA_CPU_AVX512},
    {"amx", ELEMENT_BF16, MMA_CPU_AMX},
};

/* The unit's job on a problem; 1 where this card, or this CPU, has no such instruction. */
static int unit_open(const struct unit *u, struct device *device, struct product *p,
                     struct mma_shape shape, enum mma_fill fill, uint64_t seed) {
    const struct mma_problem problem = {.shape = shape, .in = u->in, .out = ELEMENT_F32};
    memset(p, 0, sizeof *p);
    if (device_kind(device) == DEVICE_CPU) {
        struct mma_cpu_plan plan = mma_cpu_plan_default((enum mma_cpu_isa)u->option, 1);
        if (!mma_cpu_isa_usable((enum mma_cpu_isa)u->option))
            return 1;
        return mma_operands_open(&p->operands, &problem, fill, seed) != 0
                   ? -1
                   : mma_cpu_job_open(&p->job, device, &p->operands, &plan);
    }
    struct mma_plan plan =
        mma_plan_for((enum mma_kernel)u->option, u->in, ELEMENT_F32, true, MMA_BATCH_ON_M);
    if (mma_plan_runs(&plan, device) != 0)
        return 1;
    return mma_operands_open(&p->operands, &problem, fill, seed) != 0
               ? -1
               : mma_kernel_job_open(&p->job, device, &p->operands, &plan);
}

static const struct unit *units_of(const struct device *device, size_t *count) {
    bool cpu = device_kind(device) == DEVICE_CPU;
    *count = cpu ? sizeof native / sizeof *native : sizeof kernels / sizeof *kernels;
    return cpu ? native : kernels;
}

static void describe(struct lab_case *c, const struct unit *u, const char *card,
                     const struct device *device) {
    case_param_text(c, "card", card);
    case_param_text(c, "kernel", u->name);
    case_param_text(c, "in", element_word(u->in));
    if (device_kind(device) == DEVICE_CPU || device_kind(device) == DEVICE_CUDA ||
        u->option == MMA_SCALAR)
        return;
    const struct mma_rule *rule =
        mma_rule_find(card, u->option == MMA_WARPGROUP ? MMA_WGMMA : MMA_SYNC, u->in, ELEMENT_F32);
    if (rule && rule->evidence != MMA_MANUAL)
        case_param_text(c, RESTS_PARAM,
                        rests_name(rule->evidence == MMA_MEASURED ? RESTS_PUBLISHED : RESTS_MODEL));
}

/* --- F7: whole products --------------------------------------------------------------------------
 */

static const struct mma_shape shapes[] = {{1, 1, 1}, {16, 16, 16}, {17, 33, 47}, {5, 40, 200}};

/* Another unit that takes the same numbers. */
static const struct mma_rule *other_rule(const struct unit *u, const char *card) {
    if (strcmp(card, "CPU") == 0)
        return strcmp(u->name, "avx512-bf16") == 0 || strcmp(u->name, "amx") == 0
                   ? mma_rule_find("fma", MMA_CPU, u->in, ELEMENT_F32)
                   : mma_rule_find("H100", MMA_SYNC, u->in, ELEMENT_F32);
    return mma_rule_find(strcmp(card, "H100") == 0 || strcmp(card, "B200") == 0 ? "A100" : "H100",
                         MMA_SYNC, u->in, ELEMENT_F32);
}

/* All elements by the model, and by another rule. */
static int compare(const struct product *p, const struct mma_rule *other, struct lab_case *c) {
    const struct mma_shape s = p->operands.problem.shape;
    const struct mma_slice whole = {0, s.k, true};
    float *out = malloc(s.m * s.n * sizeof *out), value;
    int64_t checked = 0, predicted = 0, fits = 0;
    int status = out ? 0 : device_fail("out of memory for an output");
    if (status == 0)
        status = mma_job_poison(&p->job) != 0 || job_call(&p->job) != 0 ||
                         mma_job_output(&p->job, out) != 0
                     ? -1
                     : 0;
    for (size_t i = 0; i < s.m * s.n && status == 0; i++) {
        status = mma_job_element(&p->job, i / s.n, i % s.n, &value);
        checked++;
        predicted += memcmp(&value, &out[i], sizeof value) == 0;
        if (status == 0 && other) {
            status = mma_gemm_element(other, &p->operands, &whole, 1, i / s.n, i % s.n, &value);
            fits += memcmp(&value, &out[i], sizeof value) == 0;
        }
    }
    case_cell_int(c, "checked", checked);
    case_cell_int(c, "predicted", predicted);
    if (other)
        case_cell_int(c, "fits another rule", fits);
    free(out);
    return status;
}

static int ask_unit(struct lab_run *run, struct device *device, const char *card,
                    const struct unit *u) {
    struct lab_case *c = lab_case_begin(run, device_id(device), "03/units/card=%s/%s/%s", card,
                                        u->name, element_word(u->in));
    int status = 0;
    if (!c)
        return 0;
    describe(c, u, card, device);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes && status == 0; s++)
        for (int fill = 0; fill < MMA_FILLS && status == 0; fill++) {
            struct product p;
            status = unit_open(u, device, &p, shapes[s], (enum mma_fill)fill, lab_seed(run));
            if (status == 0) {
                case_row(c);
                case_cell_int(c, "M", (int64_t)shapes[s].m);
                case_cell_int(c, "N", (int64_t)shapes[s].n);
                case_cell_int(c, "K", (int64_t)shapes[s].k);
                case_cell_text(c, "fill", mma_fill_name((enum mma_fill)fill));
                status = compare(&p, other_rule(u, card), c);
            }
            product_close(&p);
        }
    if (status != 0) {
        lab_case_drop(c);
        return status > 0 ? 0 : lab_error(run, "%s: %s", u->name, device_error());
    }
    lab_expect(run, 1);
    return lab_case_end(c);
}

static int ask_units(struct lab_run *run, struct device *device, const char *card) {
    size_t count;
    const struct unit *units = units_of(device, &count);
    for (size_t k = 0; k < count && !lab_stopping(run); k++)
        if (ask_unit(run, device, card, &units[k]) != 0)
            return -1;
    return 0;
}

int sweep_units(struct lab_run *run, struct device *device) {
    return each_card(run, device, ask_units);
}

/* Of one unit: whether another rule gives all its bits too, in every product.
 */
static bool tells_apart(const struct rows *rows, size_t first, size_t count) {
    for (size_t k = first; k < first + count; k++)
        if (row_number(rows, k, "fits another rule") < row_number(rows, k, "checked"))
            return true;
    return false;
}

void check_units(const struct rows *rows, struct finding *f) {
    size_t first = 0, count = 0;
    double checked = 0, predicted = 0;
    while (rows_group(rows, "id", &first, &count)) {
        for (size_t k = first; k < first + count; k++) {
            checked += row_number(rows, k, "checked");
            predicted += row_number(rows, k, "predicted");
            finding_predicted(f, row_number(rows, k, "predicted") == row_number(rows, k, "checked"),
                              rows, k);
        }
        if (row_has(rows, first, "fits another rule"))
            finding_control(f, answer_if(tells_apart(rows, first, count)),
                            "another unit's rule does not give the same bits");
    }
    finding_say(f, "%.0f of %.0f elements of whole products have the predicted bits", predicted,
                checked);
    finding_settle(f, SETTLE_ALL, "some of the products");
}

/* --- F4: terms in one step -----------------------------------------------------------------------
 */

#define STEPS_K 64

static int ask_step(struct lab_run *run, struct device *device, const char *card,
                    const struct unit *u) {
    struct lab_case *c = lab_case_begin(run, device_id(device), "03/blocks/card=%s/%s/%s", card,
                                        u->name, element_word(u->in));
    struct product p;
    struct mma_classes classes;
    struct mma_revealed revealed;
    if (!c)
        return 0;
    int status = unit_open(u, device, &p, (struct mma_shape){16, 16, STEPS_K}, MMA_FILL_NORMAL,
                           lab_seed(run));
    if (status == 0)
        status = mma_classes_find(&classes, &p.job, lab_seed(run));
    if (status == 0) {
        struct mma_family family = {0};
        status = mma_reveal(&revealed, &p.job, &classes, 0, 0, NULL);
        if (status == 0) {
            bool found = revealed.found.status == RECOVER_FOUND;
            status = found ? mma_family_of(revealed.found.tree, &family) : 0;
            describe(c, u, card, device);
            case_param_int(c, "capability", mma_capability(device));
            case_row(c);
            case_cell_text(c, "outcome", recover_status_name(revealed.found.status));
            case_cell_text(c, "tree in words", found ? family.text : revealed.found.why);
            if (found)
                case_cell_int(c, "terms", family.block ? (int64_t)family.block : 1);
            mma_revealed_close(&revealed);
        }
        mma_classes_close(&classes);
    }
    product_close(&p);
    if (status != 0) {
        lab_case_drop(c);
        return status > 0 ? 0 : lab_error(run, "%s on %s: %s", u->name, card, device_error());
    }
    lab_expect(run, 1);
    return lab_case_end(c);
}

static int ask_steps(struct lab_run *run, struct device *device, const char *card) {
    static const struct unit asked[] = {{"wmma-16x16x16", ELEMENT_F16, MMA_WMMA_16X16},
                                        {"m16n8k16", ELEMENT_BF16, MMA_M16N8K16}};
    for (size_t k = 0; k < sizeof asked / sizeof *asked && !lab_stopping(run); k++)
        if (ask_step(run, device, card, &asked[k]) != 0)
            return -1;
    return 0;
}

int sweep_blocks(struct lab_run *run, struct device *device) {
    return each_card(run, device, ask_steps);
}

void check_blocks(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++) {
        double terms = row_number(rows, k, "terms");
        if (!row_has(rows, k, "terms"))
            continue;
        finding_count(f, answer_if(terms == 16), rows, k);
        finding_number(f, "1", number(terms), "products in one step of a sum over K: %s, %s",
                       row_text(rows, k, "card"), row_text(rows, k, "kernel"));
    }
    finding_say(f, "one step adds 16 products along K in %llu of %llu kernels and cards",
                (unsigned long long)f->held, (unsigned long long)(f->held + f->against));
    finding_settle(f, SETTLE_ALL, "by the card: see the numbers");
}

/* --- F9: FP8 -------------------------------------------------------------------------------------
 */

/* A card of the other kind: one that has an instruction for FP8, or one that has not. */
static const struct mma_rule *other_kind(const struct mma_rule *rule) {
    return mma_rule_find(rule->sum == MMA_TWO_STEPS ? "L40S" : "H100", MMA_SYNC, rule->in,
                         rule->out);
}

static int ask_eight_of(struct lab_run *run, struct device *device, const char *card,
                        enum element in) {
    const struct unit u = {"m16n8k32", in, MMA_M16N8K32};
    const struct mma_rule *rule = mma_rule_find(card, MMA_SYNC, in, ELEMENT_F32);
    struct product p;
    struct lab_case *c;
    if (!rule)
        return 0;
    c = lab_case_begin(run, device_id(device), "03/eight/card=%s/%s", card, element_word(in));
    if (!c)
        return 0;
    int status =
        unit_open(&u, device, &p, (struct mma_shape){16, 16, 96}, MMA_FILL_NORMAL, lab_seed(run));
    if (status == 0) {
        describe(c, &u, card, device);
        case_row(c);
        case_cell_text(c, "how",
                       rule->sum == MMA_TWO_STEPS ? "two FP16 steps and an add" : "native");
        struct job_bits bits = {0, 64};
        status = compare(&p, other_kind(rule), c) != 0 || job_bits(&p.job, &bits) != 0 ? -1 : 0;
        case_cell_bits(c, "output", 64, bits.bits);
    }
    product_close(&p);
    if (status != 0) {
        lab_case_drop(c);
        return status > 0 ? 0 : lab_error(run, "%s on %s: %s", u.name, card, device_error());
    }
    lab_expect(run, 1);
    return lab_case_end(c);
}

static int ask_eight(struct lab_run *run, struct device *device, const char *card) {
    return ask_eight_of(run, device, card, ELEMENT_E4M3) != 0 ||
                   ask_eight_of(run, device, card, ELEMENT_E5M2) != 0
               ? -1
               : 0;
}

int sweep_eight(struct lab_run *run, struct device *device) {
    return each_card(run, device, ask_eight);
}

void check_eight(const struct rows *rows, struct finding *f) {
    size_t differ = 0;
    for (size_t k = 0; k < rows->count; k++) {
        double checked = row_number(rows, k, "checked");
        finding_predicted(f, row_number(rows, k, "predicted") == checked, rows, k);
        bool other = row_number(rows, k, "fits another rule") < checked;
        differ += other;
        finding_count(f, answer_if(other), rows, k);
        finding_number(f, "1", number(row_number(rows, k, "fits another rule") / checked),
                       "of the elements are as the other kind of card has them: %s, %s, %s",
                       row_text(rows, k, "card"), row_text(rows, k, "how"),
                       row_text(rows, k, "in"));
    }
    finding_say(f,
                "native FP8 and FP8 in two FP16 steps give other bits in %zu of "
                "%zu products",
                differ, rows->count);
    finding_settle(f, SETTLE_ALL, "some of the cards and formats");
}
