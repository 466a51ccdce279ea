/*
 * ptx_copy.c: cp.async: copies from global to shared memory that nobody waits for until they do.
 *
 * When such a copy happens is open, from its instruction to the wait for its group. In order it
 * happens as late as can be, in reverse at once, at random either way, and in an unfair order by
 * its seed: so a kernel that reads too early, or overwrites what is still to be copied, shows other
 * bits under one of them.
 */
#include <stdlib.h>

#include "kernels/ptx/ptx_inside.h"

static void do_copy(const struct ptx_copy *c) {
    memcpy(c->to, c->from, c->bytes);
    memset(c->to + c->bytes, 0, c->size - c->bytes);
}

/* One that was kept, and has been waited for. */
static void end_copy(struct ptx_fiber *f, const struct ptx_copy *c) {
    do_copy(c);
    ptx_races_copied(f, c);
}

static void keep(struct ptx_fiber *f, const struct ptx_copy *copy, int line) {
    struct ptx_copies *copies = &f->copies;
    if (copies->count == copies->capacity) {
        size_t more = copies->capacity ? 2 * copies->capacity : 16;
        struct ptx_copy *larger = realloc(copies->all, more * sizeof *larger);
        if (!larger)
            ptx_fail(f, line, "out of memory for copies that are under way");
        copies->all = larger;
        copies->capacity = more;
    }
    copies->all[copies->count++] = *copy;
}

void ptx_copy(struct ptx_thread *t, uint8_t *to, uint64_t from, unsigned size, uint32_t bytes,
              int line) {
    struct ptx_run *run = ptx_running;
    struct ptx_fiber *f = (struct ptx_fiber *)t;
    if (bytes > size)
        ptx_fail(f, line, "a copy of %u bytes to %u", bytes, size);
    /* Where nothing is copied nothing is read, wherever the address points. That a card takes one
     * that is not aligned there has not been tried: no manual says it must not. */
    if (bytes && (from & (size - 1)))
        ptx_fail(f, line, "a copy of %u bytes from 0x%llx, which is not aligned", size,
                 (unsigned long long)from);
    /* All of it lies in one granule of memory, so its last byte speaks for all. */
    if (bytes)
        ptx_global(t, from + bytes - 1, 1, line);
    struct ptx_copy copy = {to, (const uint8_t *)(uintptr_t)from, size, bytes, f->copies.group};
    bool now = ptx_copies_at_once(&run->config) ||
               (run->config.order == PTX_RANDOM && (ptx_random(&run->random) & 1));
    ptx_touch(t, to, size, PTX_COPIES, line);
    if (ptx_decide(&run->config, now, 2) && !f->block->races)
        do_copy(&copy);
    else
        keep(f, &copy, line);
}

void ptx_copy_commit(struct ptx_thread *t) {
    ((struct ptx_fiber *)t)->copies.group++;
}

void ptx_copy_wait(struct ptx_thread *t, unsigned groups) {
    struct ptx_fiber *f = (struct ptx_fiber *)t;
    struct ptx_copies *copies = &f->copies;
    size_t done = 0;
    while (done < copies->count && copies->group - copies->all[done].group > groups)
        end_copy(f, &copies->all[done++]);
    copies->count -= done;
    if (copies->count)
        memmove(copies->all, copies->all + done, copies->count * sizeof *copies->all);
}

void ptx_copy_end(struct ptx_fiber *f) {
    for (size_t k = 0; k < f->copies.count; k++)
        end_copy(f, &f->copies.all[k]);
    f->copies.count = 0;
}
