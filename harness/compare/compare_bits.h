/*
 * compare_bits.h: which recorded field explains that bits differ, and whether sums with one tree
 * have equal bits on both sides.
 *
 * No library promises equal bits on two architectures; our own FP32 sums, whose tree is fixed by
 * their plan, should have them everywhere (claim G1). So what differs is looked for in this order:
 * the case's parameters and plan; the kind of device; its model; settings of numerical libraries;
 * the executable. Bits that differ where none of these does are said first.
 */
#ifndef NANOLAB_HARNESS_COMPARE_BITS_H
#define NANOLAB_HARNESS_COMPARE_BITS_H

#include "harness/compare/compare.h"

/* --- fields ------------------------------------------------------------------------------------
 */

struct compare_difference {
    char field[COMPARE_FIELD_BYTES];     /* "plan.isa", "model of the device" */
    char values[2][COMPARE_VALUE_BYTES]; /* as texts; "-": has none; "": not kept */
};
#define COMPARE_DIFFERENCES 24
/* The recorded fields in which the two sides' cases differ, in the order above; all that fit into
 * out[most]. How many there are. */
size_t compare_differences(const struct compare *c, const struct compare_pair *p,
                           struct compare_difference *out, size_t most);

/* The same as a list [{"field", "values": [.., ..]}]; NULL: no memory. */
json_t *compare_differences_json(const struct compare *c, const struct compare_pair *p);

#define COMPARE_WHY_BYTES 240
/* The first kind of them in a few words: "plan.isa (avx512 / avx2), plan.lanes (16 / 8)"; "":
 * nothing recorded differs. Returns `out`. */
const char *compare_why(const struct compare *c, const struct compare_pair *p,
                        char out[COMPARE_WHY_BYTES]);

/* Whether a case's bits differ and no field does. */
bool compare_is_unexplained(const struct compare *c, const struct compare_pair *p);

/* --- cases whose bits differ, by what explains it ----------------------------------------------
 */

#define COMPARE_GROUPS 20
struct compare_group {
    char why[COMPARE_WHY_BYTES]; /* compare_why() */
    size_t count;
    const struct compare_pair *example;
};
struct compare_groups {
    struct compare_group list[COMPARE_GROUPS]; /* that without a field first, then by count */
    size_t count;
    size_t left_out; /* cases of groups beyond those */
};
void compare_bits_groups(const struct compare *c, struct compare_groups *groups);

/* --- claim G1 ----------------------------------------------------------------------------------
 */

/* Cases that recorded bits of a plain FP32 sum ("acc32", "plain" in the plan), with the same
 * parameters and the same plan on both sides, and with it the same tree; and pairs of such cases
 * by unlike plans whose trees are known to be equal (compare_question.h). */
struct compare_g1 {
    size_t cases, equal, differ, vary;       /* vary: on one side */
    size_t across;                           /* of them on devices of another kind or model */
    size_t pairs, pairs_equal, pairs_across; /* of unlike plans with one tree, likewise */
};
struct compare_g1 compare_g1(const struct compare *c);
/* "confirmed", "refuted", or "not-testable-here": no such case, or all on one model of device. */
const char *compare_g1_verdict(const struct compare_g1 *g1);
/* "FP32 sums with one tree: equal bits in 300 of 300 cases, …" */
#define COMPARE_G1_BYTES 480
const char *compare_g1_says(const struct compare_g1 *g1, char out[COMPARE_G1_BYTES]);

#endif
