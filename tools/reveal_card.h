/*
 * reveal_card.h: `--arch`: a library's GPU code as on a card that is not there, over the PTX
 * machine or the SASS machine.
 */
#ifndef NANOLAB_TOOLS_REVEAL_CARD_H
#define NANOLAB_TOOLS_REVEAL_CARD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/options.h"
#include "kernels/rng/data.h"
#include "kernels/sass/sass.h"
#include "kernels/tree/cub_plan.h"
#include "kernels/tree/targets.h"

/* Targets of which a build without nvcc knows nothing but the names. */
static const char *const cub_names[] = {"cub",         "cub-f64",     "cub-int",
                                        "cub-f64-int", "cub-segment", "cub-segment-f64"};
#define CUB_NAMES (sizeof cub_names / sizeof *cub_names)

/* Most that is believed of a card. */
#define SMS_MAX 1024
#define OCCUPANCY_MAX 32

struct card_request {
    const char *arch;
    uint64_t sms, occupancy;
    bool sms_given, occupancy_given;
};

/* The card that was asked for, with what was said of it. */
static int choose_card(const struct options *parser, const struct card_request *r,
                       const struct cub_card **model, struct ptx_card *out) {
    size_t count;
    const struct cub_card *cards = cub_cards(&count);
    const char *near = NULL;
    *model = NULL;
    for (size_t k = 0; k < count; k++) {
        near = near ? near : options_nearest(r->arch, &cards[k].name, 1);
        if (strcmp(r->arch, cards[k].name) == 0)
            *model = &cards[k];
    }
    if (!*model)
        return options_fail(parser, "--arch %s: %s%s%sthere are sm_80, sm_90 and sm_100", r->arch,
                            near ? "did you mean " : "", near ? near : "", near ? "? " : "");
    if (r->sms_given && (r->sms == 0 || r->sms > SMS_MAX))
        return options_fail(parser, "--sms is %llu; give 1 to %d", (unsigned long long)r->sms,
                            SMS_MAX);
    if (r->occupancy_given && (r->occupancy == 0 || r->occupancy > OCCUPANCY_MAX))
        return options_fail(parser, "--occupancy is %llu; give 1 to %d",
                            (unsigned long long)r->occupancy, OCCUPANCY_MAX);
    *out = (struct ptx_card){.arch = (*model)->arch,
                             .sms = r->sms_given ? (int)r->sms : (*model)->sms,
                             .occupancy = (int)r->occupancy};
    return 0;
}

/* --- the second witness --------------------------------------------------------------------------
 */

#define CODE_INPUTS 20

/* What the card's machine code gives beside its PTX: whether it could be asked, and in how many of
 * so many random inputs it has the bits of the tree that the PTX has. */
struct code_answer {
    char why_not[200];
    size_t inputs, agree;
};

static int compare_code(const struct recover_target *code, const struct recovery *found, size_t n,
                        struct code_answer *out) {
    bool wide = code->type == ELEMENT_F64;
    double *x = malloc(n * sizeof *x), expected, got;
    void *given = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
    int status = x && given ? 0 : device_fail("out of memory");
    for (uint64_t seed = 0; seed < CODE_INPUTS && status == 0; seed++) {
        const struct data_options options = {.seed = seed, .condition = 1e4};
        if (data_fill(seed % 2 ? DATA_CANCELLING : DATA_NORMAL, code->type, &options, given, n))
            status = device_fail("out of memory");
        for (size_t k = 0; k < n; k++)
            x[k] = wide ? ((double *)given)[k] : (double)((float *)given)[k];
        if (status || code->sum(code->context, given, n, &got) ||
            recovery_value(found, code, x, NULL, &expected)) {
            status = -1;
            break;
        }
        out->inputs++;
        out->agree += memcmp(&got, &expected, sizeof got) == 0;
    }
    free(x);
    free(given);
    return status;
}

static void ask_code(const struct tree_target *library, const struct ptx_card *card,
                     struct device *device, const struct recovery *found, size_t n,
                     struct code_answer *out) {
    struct recover_target code = {0};
    struct ptx_card as = *card;
    as.machine_code = true;
    tree_card_ptx(&as);
    int status = sass_reader_found();
    if (status == 0)
        status = library->open(&code, n, device);
    if (status == 0) {
        status = compare_code(&code, found, n, out);
        library->close(&code);
    }
    if (status)
        snprintf(out->why_not, sizeof out->why_not, "%.180s", device_error());
    tree_card_ptx(card);
}

#endif
