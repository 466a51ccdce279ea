/*
 * paged_cpu_walk.c: the halves of a thread's share, the bytes of a half, and asking for lines
 * before they are used.
 */
#include <string.h>

#include "kernels/paged_attention/paged_cpu_inside.h"

/* How far ahead of use lines are asked for. Tried from 4 to 256 KiB on a Zen 4: from 8 on it made
 * little difference with blocks in order; with blocks anywhere 32 was best. */
#define LEAD (32 << 10)
#define PAGE_BYTES 4096

/* --- halves ------------------------------------------------------------------------------------
 */

static void enter_item(struct paged_walk *walk) {
    for (; walk->index < walk->end; walk->index++) {
        walk->item = paged_cpu_item(walk->job, walk->index);
        if (walk->item.tile < walk->item.end)
            return;
    }
}

void paged_walk_begin(struct paged_walk *walk, const struct paged_cpu_step *job, unsigned thread) {
    *walk = (struct paged_walk){job, job->first[thread], job->first[thread + 1], {0}, false};
    enter_item(walk);
}

bool paged_walk_next(struct paged_walk *walk, struct paged_half *half) {
    if (walk->index >= walk->end)
        return false;
    struct paged_item *item = &walk->item;
    unsigned tokens = (unsigned)walk->job->table->tokens[item->sequence];
    unsigned first = item->tile * PAGED_TILE, left = tokens - first;
    *half = (struct paged_half){item->sequence, first,       left < PAGED_TILE ? left : PAGED_TILE,
                                item->head,     item->heads, walk->values};
    if (walk->values && ++item->tile == item->end) {
        walk->index++;
        enter_item(walk);
    }
    walk->values = !walk->values;
    return true;
}

/* --- bytes -------------------------------------------------------------------------------------
 */

/* Tokens [slot, slot + tokens) of a block. */
static struct paged_span span_of(const struct paged_cpu_step *job, const struct paged_half *half,
                                 const char *block, unsigned slot, unsigned tokens) {
    const char *heads = block + half->head * job->head_stride;
    size_t head_bytes = (size_t)job->head * job->element;
    if (job->layout == PAGED_NHD) {
        const char *at = heads + slot * job->token_stride;
        if (half->heads == job->heads)
            return (struct paged_span){at, 1, tokens * job->token_bytes, 0};
        return (struct paged_span){at, tokens, half->heads * head_bytes, job->token_stride};
    }
    if (tokens == job->block)
        return (struct paged_span){heads, 1, half->heads * job->head_stride, 0};
    if (job->layout == PAGED_HND)
        return (struct paged_span){heads + slot * job->token_stride, half->heads,
                                   tokens * head_bytes, job->head_stride};
    /* All heads' rows are evenly apart, of one head and of the next. */
    size_t row = half->values ? job->element : 16, rows = head_bytes / row;
    return (struct paged_span){heads + slot * row, half->heads * rows, tokens * row,
                               job->block * row};
}

unsigned paged_spans(const struct paged_cpu_step *job, const struct paged_half *half,
                     struct paged_span *spans) {
    unsigned count = 0;
    for (unsigned done = 0, tokens; done < half->tokens; done += tokens) {
        unsigned slot;
        const char *block =
            paged_block_of(job, half->values, half->sequence, half->first + done, &slot);
        unsigned here = job->block - slot, left = half->tokens - done;
        tokens = here < left ? here : left;
        spans[count++] = span_of(job, half, block, slot, tokens);
    }
    return count;
}

/* --- ahead of use ------------------------------------------------------------------------------
 */

void paged_ahead_begin(struct paged_ahead *ahead, const struct paged_cpu_step *job,
                       unsigned thread) {
    *ahead = (struct paged_ahead){.on = job->call->prefetch != PAGED_PREFETCH_NONE,
                                  .robin = job->call->prefetch == PAGED_PREFETCH_ROBIN,
                                  .due = LEAD};
    paged_walk_begin(&ahead->walk, job, thread);
}

/* The next stretch of at most `most` bytes that is to come; its bytes, or 0: nothing is. */
static size_t next_stretch(struct paged_ahead *ahead, size_t most, const char **at) {
    if (ahead->span == ahead->spans_count) {
        struct paged_half half;
        if (!paged_walk_next(&ahead->walk, &half))
            return 0;
        ahead->spans_count = paged_spans(ahead->walk.job, &half, ahead->spans);
        ahead->span = 0;
        ahead->stretch = ahead->stretch_at = 0;
    }
    const struct paged_span *span = &ahead->spans[ahead->span];
    size_t left = span->bytes - ahead->stretch_at, bytes = left < most ? left : most;
    *at = span->at + ahead->stretch * span->stride + ahead->stretch_at;
    ahead->stretch_at += bytes;
    if (bytes == left) {
        ahead->stretch_at = 0;
        if (++ahead->stretch == span->count) {
            ahead->stretch = 0;
            ahead->span++;
        }
    }
    return bytes;
}

/* The next page, whose lines are taken in order, or the next eight, taken by turns: as far as the
 * longest of them goes, since asking for a line too many does no harm. */
void paged_ahead_fill(struct paged_ahead *ahead) {
    ahead->offset = ahead->end = 0;
    for (int i = 0; i < PAGED_BATCH; i++) {
        if (!ahead->robin && i > 0) {
            ahead->at[i] = ahead->at[0] + i * PAGED_LINE;
            continue;
        }
        size_t bytes = next_stretch(ahead, PAGE_BYTES, &ahead->at[i]);
        if (bytes == 0)
            ahead->at[i] = i ? ahead->at[0] : ahead->walk.job->call->k;
        ahead->end = bytes > ahead->end ? bytes : ahead->end;
    }
    ahead->on = ahead->end > 0;
    ahead->step = ahead->robin ? PAGED_LINE : PAGED_BATCH * PAGED_LINE;
}
