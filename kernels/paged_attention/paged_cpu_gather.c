/*
 * paged_cpu_gather.c: one thread's share of a gather, which reads what attention reads, in the same
 * order, and of a walk, which reads the table.
 */
#include "kernels/paged_attention/paged_cpu_inside.h"

/* In pieces, so that what is asked for ahead is spread evenly. */
static uint64_t sum_stretch(const struct paged_cpu_step *job, struct paged_ahead *ahead,
                            const char *from, size_t bytes) {
    enum { PIECE = 1024 };
    uint64_t sum = 0;
    for (size_t some; bytes; bytes -= some, from += some) {
        some = bytes < PIECE ? bytes : PIECE;
        paged_ahead_use(ahead, some);
        sum += job->kernels->sum(from, some);
    }
    return sum;
}

static uint64_t sum_half(const struct paged_cpu_step *job, struct paged_ahead *ahead,
                         const struct paged_half *half) {
    struct paged_span spans[PAGED_TILE];
    unsigned count = paged_spans(job, half, spans);
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        for (size_t k = 0; k < spans[i].count; k++)
            sum += sum_stretch(job, ahead, spans[i].at + k * spans[i].stride, spans[i].bytes);
    return sum;
}

static uint64_t walk_item(const struct paged_cpu_step *job, const struct paged_item *item) {
    const struct kv_table *table = job->table;
    unsigned tokens = (unsigned)table->tokens[item->sequence], end = item->end * PAGED_TILE;
    if (end > tokens)
        end = tokens;
    /* A block of several tiles is counted with the tile in which it begins. */
    unsigned first = (item->tile * PAGED_TILE + job->block - 1) / job->block;
    const int32_t *ids = table->ids + (size_t)item->sequence * table->row_blocks;
    uint64_t sum = 0;
    for (unsigned block = first; block * job->block < end; block++)
        sum += (uint32_t)ids[block];
    return sum;
}

void paged_cpu_gather(const struct paged_cpu_step *job, unsigned thread) {
    struct paged_ahead *ahead = (struct paged_ahead *)(job->private + thread * job->private_bytes);
    paged_ahead_begin(ahead, job, thread);
    for (size_t index = job->first[thread]; index < job->first[thread + 1]; index++) {
        struct paged_item item = paged_cpu_item(job, index);
        uint64_t sum = 0;
        if (job->call->plan.op == PAGED_WALK) {
            sum = item.head == 0 ? walk_item(job, &item) : 0;
        } else {
            unsigned tokens = (unsigned)job->table->tokens[item.sequence];
            for (unsigned tile = item.tile; tile < item.end; tile++) {
                unsigned first = tile * PAGED_TILE, left = tokens - first;
                struct paged_half half = {
                    item.sequence, first,      left < PAGED_TILE ? left : PAGED_TILE,
                    item.head,     item.heads, false};
                for (int i = 0; i < 2; i++) {
                    half.values = i;
                    sum += sum_half(job, ahead, &half);
                }
            }
        }
        __atomic_fetch_add(&job->call->sums[item.sequence], sum, __ATOMIC_RELAXED);
    }
}
