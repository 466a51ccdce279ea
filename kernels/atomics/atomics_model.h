/*
 * atomics_model.h: what a plan's updates are and what they come to, without running it.
 *
 * Bits are carried as uint64_t patterns, one lane (one number) each: an element of packed halves
 * has two lanes, the low half first.
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_MODEL_H
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_MODEL_H

#include "kernels/atomics/atomics.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How one update changes the number at its address. F32_FLUSH is a GPU's atomicAdd on a float in
 * global memory: subnormal operands and results become zeros of their sign (simt.h's rule
 * atomic-f32-global-ftz, which the SIMT machine follows too). All round to nearest even. */
enum atomics_add {
    ATOMICS_ADD_F32,
    ATOMICS_ADD_F32_FLUSH,
    ATOMICS_ADD_F64,
    ATOMICS_ADD_F16,
    ATOMICS_ADD_BF16,
    ATOMICS_ADDS
};
/* The rule of a type's atomic add on a kind of device. */
enum atomics_add atomics_add_rule(enum atomics_type type, enum device_kind kind);
/* The plain (not atomic) addition of a type. */
enum atomics_add atomics_add_plain(enum atomics_type type);
/* old + value. Every NaN comes out as the one pattern 0x7fff… of its format's canonical quiet NaN:
 * payloads are the hardware's business. */
uint64_t atomics_add_bits(enum atomics_add add, uint64_t old, uint64_t value);
/* The pattern with NaNs made one, as above. */
uint64_t atomics_canonical(enum atomics_add add, uint64_t bits);
/* Equal bits, or NaN both. */
bool atomics_same_bits(enum atomics_add add, uint64_t a, uint64_t b);
/* Number of representable values between two finite patterns, signs counted through zero (both
 * zeros are one place). UINT64_MAX if either is NaN or exactly one is infinite. */
uint64_t atomics_ulps(enum atomics_add add, uint64_t a, uint64_t b);

/* Lane `lane` of element k of an array of a type, as a pattern; and how to set it. */
uint64_t atomics_get(enum atomics_type type, const void *array, size_t k, unsigned lane);
void atomics_set(enum atomics_type type, void *array, size_t k, unsigned lane, uint64_t bits);

/* The values of all updates of a plan, in host memory: `values` is an array of the type with
 * atomics_updates elements. */
void atomics_update_values(const struct atomics_plan *plan, const void *x, size_t n, void *values);

/*
 * What the plan leaves at every address: `result` is an array of the type with `addresses`
 * elements, *status as in the workspace (may be NULL). Only for plans of one result: the cures,
 * and plain or logged ones with at most one update an address. Otherwise, or without memory, -1
 * with the reason in `why` (PLAN_WHY bytes, or NULL).
 */
int atomics_model(const struct atomics_plan *plan, enum device_kind kind, const void *x, size_t n,
                  int unit, void *result, uint32_t *status, char *why);

#ifdef __cplusplus
}
#endif
#endif
