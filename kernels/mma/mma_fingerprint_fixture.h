/*
 * mma_fingerprint_fixture.h: for tests: two jobs have one order exactly if they have one result.
 */
#ifndef NANOLAB_KERNELS_MMA_MMA_FINGERPRINT_FIXTURE_H
#define NANOLAB_KERNELS_MMA_MMA_FINGERPRINT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kernels/mma/mma_fingerprint.h"

/* Operands that bits are compared on. */
#define DATA_SETS 4

struct fingerprint_seen { /* of one job */
    const char *name;
    struct mma_hash128 order, hash;
    uint64_t bits[DATA_SETS];
};

/* `print` is the caller's to close. */
static inline void fingerprint_look(struct job *job, const char *name,
                                    struct fingerprint_seen *seen, struct mma_fingerprint *print) {
    const struct mma_operands *o = ((struct mma_job *)job->context)->operands;
    *seen = (struct fingerprint_seen){.name = name};
    if (mma_fingerprint_open(print, job, NULL) != 0)
        fail_msg("%s: %s", name, device_error());
    assert_true(print->complete);
    seen->order = print->order;
    seen->hash = print->hash;
    for (uint64_t set = 0; set < DATA_SETS; set++) {
        struct mma_operands fresh;
        struct job_bits bits;
        enum mma_fill fill = set % 2 ? MMA_FILL_CANCELLING : MMA_FILL_NORMAL;
        assert_int_equal(mma_operands_open(&fresh, &o->problem, fill, 100 + set), 0);
        assert_int_equal(mma_job_write(job, fresh.a, fresh.b), 0);
        assert_int_equal(job_call(job), 0);
        assert_int_equal(job_bits(job, &bits), 0);
        seen->bits[set] = bits.bits;
        mma_operands_close(&fresh);
    }
    assert_int_equal(mma_job_restore(job), 0);
}

/* Same order: same bits on all data. Another order: other bits on some. */
static inline void fingerprint_compare(const struct fingerprint_seen *a,
                                       const struct fingerprint_seen *b, size_t *same) {
    size_t equal = 0;
    for (size_t set = 0; set < DATA_SETS; set++)
        equal += a->bits[set] == b->bits[set];
    bool order = mma_hash128_equal(a->order, b->order);
    if (order != (equal == DATA_SETS))
        fail_msg("%s and %s: %s order, but %zu of %d sets have the same bits", a->name, b->name,
                 order ? "the same" : "another", equal, DATA_SETS);
    *same += order;
}

#endif
