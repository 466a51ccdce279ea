/*
 * paged_cpu_walk.c: the halves of a thread's share, the bytes of a half, and asking for lines
 * before they are used.
 */
#include <string.h>

#include "kernels/paged_attention/paged_cpu_inside.h"

/* How far ahead of use lines are asked for; pages that are taken by turns, and how many lines of
 * each are asked for: the hardware follows a page once it is begun. */
#define LEAD ((size_t)64 << 10)
#define ROBIN_PAGES 8
#define ROBIN_LINES 4
#define PAGE_BYTES 4096

/* --- halves ------------------------------------------------------------------------------------
 */

static void enter_item(struct paged_walk *walk) {
    for (; walk->index < walk->end; walk->index++) {
        walk->item = paged_job_item(walk->job, walk->index);
        if (walk->item.tile < walk->item.end)
            return;
    }
}

void paged_walk_begin(struct paged_walk *walk, const struct paged_job *job, unsigned thread) {
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
static struct paged_span span_of(const struct paged_job *job, const struct paged_half *half,
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

unsigned paged_spans(const struct paged_job *job, const struct paged_half *half,
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

void paged_ahead_begin(struct paged_ahead *ahead, const struct paged_job *job, unsigned thread) {
    bool robin = job->call->prefetch == PAGED_PREFETCH_ROBIN;
    ahead->on = job->call->prefetch != PAGED_PREFETCH_NONE;
    ahead->pages = robin ? ROBIN_PAGES : 1;
    ahead->lines = robin ? ROBIN_LINES : PAGE_BYTES / PAGED_LINE;
    ahead->asked = 0;
    ahead->target = LEAD;
    ahead->span = ahead->spans_count = ahead->next = ahead->count = 0;
    paged_walk_begin(&ahead->walk, job, thread);
}

/* The next stretch of at most a page that is to come; its bytes, or 0: nothing is. */
static size_t next_page(struct paged_ahead *ahead, const char **at) {
    if (ahead->span == ahead->spans_count) {
        struct paged_half half;
        if (!paged_walk_next(&ahead->walk, &half))
            return 0;
        ahead->spans_count = paged_spans(ahead->walk.job, &half, ahead->spans);
        ahead->span = 0;
        ahead->stretch = ahead->at = 0;
    }
    const struct paged_span *span = &ahead->spans[ahead->span];
    size_t left = span->bytes - ahead->at, bytes = left < PAGE_BYTES ? left : PAGE_BYTES;
    *at = span->at + ahead->stretch * span->stride + ahead->at;
    ahead->at += bytes;
    if (bytes == left) {
        ahead->at = 0;
        if (++ahead->stretch == span->count) {
            ahead->stretch = 0;
            ahead->span++;
        }
    }
    return bytes;
}

void paged_ahead_fill(struct paged_ahead *ahead) {
    const char *at[PAGED_PAGES_MOST], *end[PAGED_PAGES_MOST];
    size_t bytes = 0, some;
    unsigned pages = 0;
    for (; pages < ahead->pages && (some = next_page(ahead, &at[pages])); pages++) {
        end[pages] = at[pages] + some;
        bytes += some;
    }
    ahead->next = ahead->count = 0;
    for (unsigned line = 0; line < ahead->lines; line++)
        for (unsigned i = 0; i < pages; i++)
            if (at[i] + line * PAGED_LINE < end[i])
                ahead->line[ahead->count++] = at[i] + line * PAGED_LINE;
    ahead->each = pages ? (double)bytes / ahead->count : INFINITY;
    if (!pages)
        ahead->line[ahead->count++] = ahead->walk.job->call->k;
}
