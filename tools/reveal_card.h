/*
 * reveal_card.h: `--arch`: a library's GPU code as on a card that is not there, over the PTX
 * machine.
 */
#ifndef NANOLAB_TOOLS_REVEAL_CARD_H
#define NANOLAB_TOOLS_REVEAL_CARD_H

#include "harness/cli/options.h"
#include "kernels/tree/cub_plan.h"
#include "kernels/tree/targets.h"

/* A card of each architecture that CUB's PTX is built for. Multiprocessors: NVIDIA's whitepapers on
 * A100 and H100 (SXM5); of B200, what its device query says. */
static const struct card {
    const char *arch, *model;
    struct ptx_card as;
} cards[] = {
    {"sm_80", "an A100", {80, 108, 0}},
    {"sm_90", "an H100 SXM", {90, 132, 0}},
    {"sm_100", "a B200", {100, 148, 0}},
};
#define CARDS (sizeof cards / sizeof *cards)

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
                       const struct card **model, struct ptx_card *out) {
    const char *names[CARDS];
    *model = NULL;
    for (size_t k = 0; k < CARDS; k++) {
        names[k] = cards[k].arch;
        if (strcmp(r->arch, cards[k].arch) == 0)
            *model = &cards[k];
    }
    if (!*model) {
        const char *near = options_nearest(r->arch, names, CARDS);
        return options_fail(parser, "--arch %s: %s%s%sthere are sm_80, sm_90 and sm_100", r->arch,
                            near ? "did you mean " : "", near ? near : "", near ? "? " : "");
    }
    if (r->sms_given && (r->sms == 0 || r->sms > SMS_MAX))
        return options_fail(parser, "--sms is %llu; give 1 to %d", (unsigned long long)r->sms,
                            SMS_MAX);
    if (r->occupancy_given && (r->occupancy == 0 || r->occupancy > OCCUPANCY_MAX))
        return options_fail(parser, "--occupancy is %llu; give 1 to %d",
                            (unsigned long long)r->occupancy, OCCUPANCY_MAX);
    *out = (*model)->as;
    out->sms = r->sms_given ? (int)r->sms : out->sms;
    out->occupancy = (int)r->occupancy;
    return 0;
}

#endif
