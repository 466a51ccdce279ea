/*
 * ptx_races.c: whether accesses to shared memory are ordered: two threads of a block touch a byte,
 * one of them writes, and neither a barrier nor a bar.warp.sync lies between. It is asked for by
 * ptx_config.races, for tests of barriers: whether one is missing does not depend on a schedule
 * that shows it.
 *
 * A barrier is for all threads of a block, so what happened before the last one is ordered before
 * all that comes. Since then each lane knows of each of its warp up to when it has met it. Of a
 * byte the last write is kept, and all reads since: each lane's latest as long as they are of one
 * warp, and that they are of several. So nothing is forgotten.
 *
 * An atomic update counts as a read: it is ordered among updates, and nothing is said of one and a
 * read. Accesses that are ordered themselves (volatile, relaxed, acquire, release) are left out,
 * and so is what a flag in shared memory would order.
 *
 * A copy (cp.async) writes from its instruction on until its thread has waited for it; nobody, nor
 * the thread itself, may touch the bytes meanwhile.
 */
#include <stdlib.h>

#include "kernels/ptx/ptx_inside.h"

struct byte {
    uint32_t written, read; /* the interval between barriers; 0: not at all */
    uint32_t write_time, write_line, read_line;
    uint16_t writer, read_warp; /* a thread; a warp */
    bool copied;                /* a copy is still under way */
    bool read_by_warps;         /* by several, in that interval */
    uint32_t read_time[PTX_WARP];
};

struct ptx_races {
    uint32_t interval;
    struct byte *bytes;         /* of the block's shared memory */
    uint32_t (*time)[PTX_WARP]; /* a thread's own, and up to when it knows the other lanes */
};

static uint32_t *times(const struct ptx_fiber *f) {
    return f->block->races->time[f - f->block->fibers];
}

bool ptx_races_start(struct ptx_block *block) {
    struct ptx_races *r = block->races;
    if (!r) {
        r = block->races = calloc(1, sizeof *r);
        if (!r)
            return false;
        r->bytes = calloc(block->shared_size + 1, sizeof *r->bytes);
        r->time = calloc(block->threads, sizeof *r->time);
        if (!r->bytes || !r->time)
            return false;
        for (unsigned k = 0; k < block->threads; k++)
            r->time[k][k % PTX_WARP] = 1;
    }
    r->interval++; /* what was before was another block's */
    for (size_t k = 0; k < block->shared_size; k++)
        r->bytes[k].copied = false;
    return true;
}

void ptx_races_free(struct ptx_block *block) {
    if (!block->races)
        return;
    free(block->races->bytes);
    free(block->races->time);
    free(block->races);
}

void ptx_races_barrier(struct ptx_block *block) {
    block->races->interval++;
}

void ptx_races_sync(struct ptx_fiber *lanes, uint32_t met) {
    uint32_t known[PTX_WARP] = {0};
    for (unsigned l = 0; l < PTX_WARP; l++)
        for (unsigned k = 0; k < PTX_WARP && met >> l & 1; k++)
            if (times(&lanes[l])[k] > known[k])
                known[k] = times(&lanes[l])[k];
    for (unsigned l = 0; l < PTX_WARP; l++)
        if (met >> l & 1) {
            memcpy(times(&lanes[l]), known, sizeof known);
            times(&lanes[l])[l]++;
        }
}

static _Noreturn void race(struct ptx_fiber *f, int line, const char *what, const char *before,
                           unsigned thread, uint32_t other_line, size_t at) {
    ptx_fail(
        f, line,
        "a race in shared memory at 0x%zx: it %s what thread %u of the block %s at line %u, and "
        "nothing orders the two",
        at, what, thread, before, other_line);
}

static void check_write(struct ptx_fiber *f, const struct byte *b, size_t at, bool write,
                        int line) {
    const struct ptx_races *r = f->block->races;
    unsigned me = (unsigned)(f - f->block->fibers);
    const char *what = write ? "writes" : "reads or updates";
    if (b->copied)
        race(f, line, what, "still copies", b->writer, b->write_line, at);
    if (b->written != r->interval || b->writer == me)
        return;
    if (b->writer / PTX_WARP != f->t.warp || times(f)[b->writer % PTX_WARP] < b->write_time)
        race(f, line, what, "has written", b->writer, b->write_line, at);
}

static void check_reads(struct ptx_fiber *f, const struct byte *b, size_t at, int line) {
    if (b->read != f->block->races->interval)
        return;
    for (unsigned l = 0; l < PTX_WARP; l++) {
        bool mine = b->read_warp == f->t.warp;
        if (b->read_time[l] && (!mine || (l != f->t.lane && times(f)[l] < b->read_time[l])))
            race(f, line, "writes", "has read or updated", b->read_warp * PTX_WARP + l,
                 b->read_line, at);
    }
    if (b->read_by_warps)
        race(f, line, "writes", "has read or updated (and other warps, too)",
             b->read_warp * PTX_WARP, b->read_line, at);
}

static void note_read(const struct ptx_fiber *f, struct byte *b, int line) {
    uint32_t interval = f->block->races->interval;
    if (b->read != interval) {
        b->read = interval;
        b->read_warp = (uint16_t)f->t.warp;
        b->read_by_warps = false;
        memset(b->read_time, 0, sizeof b->read_time);
    }
    b->read_by_warps |= b->read_warp != f->t.warp;
    b->read_line = (uint32_t)line;
    if (b->read_warp == f->t.warp)
        b->read_time[f->t.lane] = times(f)[f->t.lane];
}

static void note_write(const struct ptx_fiber *f, struct byte *b, int line) {
    b->written = f->block->races->interval;
    b->writer = (uint16_t)(f - f->block->fibers);
    b->write_time = times(f)[f->t.lane];
    b->write_line = (uint32_t)line;
    b->read = 0;
}

void ptx_touch(struct ptx_thread *t, const uint8_t *place, unsigned bytes, enum ptx_touch how,
               int line) {
    struct ptx_fiber *f = (struct ptx_fiber *)t;
    struct ptx_races *r = f->block->races;
    uint64_t first = (uint64_t)(uintptr_t)place - (uint64_t)(uintptr_t)t->shared;
    if (!r || first >= f->block->shared_size) /* not asked for, or not in shared memory */
        return;
    for (size_t at = first; at < first + bytes; at++) {
        struct byte *b = &r->bytes[at];
        bool write = how == PTX_WRITES || how == PTX_COPIES;
        check_write(f, b, at, write, line);
        if (write) {
            check_reads(f, b, at, line);
            note_write(f, b, line);
            b->copied = how == PTX_COPIES;
        } else {
            note_read(f, b, line);
        }
    }
}

void ptx_races_copied(struct ptx_fiber *f, const struct ptx_copy *copy) {
    struct ptx_races *r = f->block->races;
    for (unsigned k = 0; r && k < copy->size; k++) {
        struct byte *b = &r->bytes[copy->to - f->block->shared + k];
        b->copied = false;
        note_write(f, b, (int)b->write_line);
    }
}
