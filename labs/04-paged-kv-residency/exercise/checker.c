/*
 * checker.c: runs one exercise's function on data on which nearly right answers have shown
 * themselves to be wrong. Compiled together with the file to be checked, and with EXERCISE set to
 * its number. Exit status: 0 right, 1 not yet (the reason is on stdout).
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exercise.h"

/* SplitMix64: the same numbers everywhere. */
static uint64_t random_bits(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned random_below(uint64_t *state, unsigned n) {
    return (unsigned)(random_bits(state) % n);
}

#if EXERCISE == 1 || EXERCISE == 2

#define SEQUENCES 6
#define ROW 40
#define POOL 400

static int32_t ids[SEQUENCES * ROW], tokens[SEQUENCES];

/* Ragged rows of shuffled blocks; of every second table, all rows share some first blocks. What
 * follows a row's end is a block that somebody else has. */
static struct table make(uint64_t *state, int turn) {
    static const unsigned sizes[] = {1, 2, 16, 5};
    struct table table = {
        1 + random_below(state, SEQUENCES), sizes[turn % 4], ROW, POOL, ids, tokens};
    int32_t order[POOL];
    for (int k = 0; k < POOL; k++)
        order[k] = k;
    for (unsigned k = POOL; k > 1; k--) {
        unsigned j = random_below(state, k);
        int32_t other = order[j];
        order[j] = order[k - 1];
        order[k - 1] = other;
    }
    unsigned shared = turn % 2 ? 1 + random_below(state, 8) : 0, next = shared;
    for (unsigned s = 0; s < table.sequences; s++) {
        tokens[s] = (int32_t)random_below(state, ROW * table.block_tokens + 1);
        if (turn % 5 == 0 && s == 0)
            tokens[s] = 0;
        for (unsigned b = 0; b < ROW; b++)
            ids[s * ROW + b] = b < shared ? order[b] : order[next++];
    }
    return table;
}

#endif

#if EXERCISE == 1

static int check(void) {
    uint64_t state = 1;
    for (int turn = 0; turn < 200; turn++) {
        struct table table = make(&state, turn);
        struct model model = {.head = 1 + random_below(&state, 256), .element = 1u << turn % 3};
        model.kv_heads = 1 + random_below(&state, 16);
        model.query_heads = model.kv_heads * (1u << turn % 4);
        uint64_t token = 2ull * model.kv_heads * model.head * model.element;
        /* Of each block, the most slots that any sequence reads. */
        unsigned read[POOL] = {0};
        uint64_t all = 0, unique = 0;
        for (unsigned s = 0; s < table.sequences; s++)
            for (int32_t t = 0; t < tokens[s]; t++) {
                unsigned slot = (unsigned)t % table.block_tokens + 1;
                unsigned *most = &read[ids[s * ROW + (unsigned)t / table.block_tokens]];
                *most = *most > slot ? *most : slot;
                all++;
            }
        for (int b = 0; b < POOL; b++)
            unique += read[b];
        uint64_t loaded = 0, distinct = 0;
        if (bytes(&model, &table, &loaded, &distinct) != 0) {
            printf("it found no memory\n");
            return 1;
        }
        if (loaded != all * token) {
            printf("%u sequences, %llu tokens in all, %u KV heads of %u channels, %u bytes each: "
                   "%llu bytes are loaded, not %llu\n",
                   table.sequences, (unsigned long long)all, model.kv_heads, model.head,
                   model.element, (unsigned long long)(all * token), (unsigned long long)loaded);
            return 1;
        }
        if (distinct != unique * token) {
            printf("%llu of the %llu bytes are distinct, not %llu\n",
                   (unsigned long long)(unique * token), (unsigned long long)loaded,
                   (unsigned long long)distinct);
            return 1;
        }
    }
    return 0;
}

#elif EXERCISE == 2

#define D_MOST 64

static double random_normal(uint64_t *state) {
    double u = ((double)(random_bits(state) >> 11) + 0.5) * 0x1p-53;
    double v = (double)(random_bits(state) >> 11) * 0x1p-53;
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static void reference(const struct table *table, unsigned s, unsigned D, const float *q,
                      const float *k, const float *v, double *out) {
    static double score[ROW * 16];
    double most = -INFINITY, sum = 0;
    memset(out, 0, D * sizeof *out);
    for (int32_t t = 0; t < tokens[s]; t++) {
        size_t slot =
            ((size_t)ids[s * ROW + (unsigned)t / table->block_tokens] * table->block_tokens +
             (unsigned)t % table->block_tokens) *
            D;
        score[t] = 0;
        for (unsigned d = 0; d < D; d++)
            score[t] += (double)q[s * D + d] * k[slot + d];
        score[t] /= sqrt(D);
        most = fmax(most, score[t]);
    }
    for (int32_t t = 0; t < tokens[s]; t++) {
        size_t slot =
            ((size_t)ids[s * ROW + (unsigned)t / table->block_tokens] * table->block_tokens +
             (unsigned)t % table->block_tokens) *
            D;
        double w = exp(score[t] - most);
        sum += w;
        for (unsigned d = 0; d < D; d++)
            out[d] += w * v[slot + d];
    }
    for (unsigned d = 0; d < D; d++)
        out[d] = sum > 0 ? out[d] / sum : 0;
}

static int check(void) {
    static float k[POOL * 16 * D_MOST], v[POOL * 16 * D_MOST], q[SEQUENCES * D_MOST];
    static float out[SEQUENCES * D_MOST];
    static const float left[] = {NAN, INFINITY, -INFINITY, 3e38f};
    uint64_t state = 2;
    for (int turn = 0; turn < 60; turn++) {
        struct table table = make(&state, turn);
        unsigned D = 1 + random_below(&state, D_MOST);
        size_t slots = (size_t)POOL * table.block_tokens;
        double size = turn % 3 == 2 ? 30 : 1; /* scores in the hundreds, too */
        for (size_t i = 0; i < slots * D; i++)
            k[i] = v[i] = left[turn / 4 % 4];
        for (unsigned i = 0; i < table.sequences * D; i++)
            q[i] = (float)(size * random_normal(&state));
        for (unsigned s = 0; s < table.sequences; s++)
            for (int32_t t = 0; t < tokens[s]; t++) {
                size_t slot =
                    ((size_t)ids[s * ROW + (unsigned)t / table.block_tokens] * table.block_tokens +
                     (unsigned)t % table.block_tokens) *
                    D;
                for (unsigned d = 0; d < D; d++) {
                    k[slot + d] = (float)random_normal(&state);
                    v[slot + d] = (float)random_normal(&state);
                }
            }
        memset(out, 0xff, sizeof out);
        attend(&table, D, q, k, v, out);
        for (unsigned s = 0; s < table.sequences; s++) {
            double expected[D_MOST];
            reference(&table, s, D, q, k, v, expected);
            for (unsigned d = 0; d < D; d++)
                if (!(fabs(out[s * D + d] - expected[d]) <= 1e-3)) {
                    printf("sequence %u of %d tokens in blocks of %u, channel %u: %.6g, not %.6g; "
                           "scores reach %s\n",
                           s, (int)tokens[s], table.block_tokens, d, out[s * D + d], expected[d],
                           size > 1 ? "hundreds" : "a few");
                    return 1;
                }
        }
    }
    return 0;
}

#elif EXERCISE == 3

#define PAGE 64 /* blocks in 2 MiB */

/* Random operations beside a count of holders. */
static int check_counts(unsigned count) {
    struct blocks *blocks = blocks_new(count);
    unsigned *holders = calloc(count, sizeof *holders), held = 0;
    int status = 1;
    uint64_t state = count;
    if (!blocks || !holders) {
        printf("it found no memory\n");
        goto done;
    }
    for (int turn = 0; turn < 200000; turn++) {
        int id = (int)random_below(&state, count), got;
        switch (random_below(&state, 5)) {
        case 0:
        case 1:
            got = blocks_take(blocks);
            if ((got < 0) != (held == count)) {
                printf("%u of %u blocks were held, and take gave %d\n", held, count, got);
                goto done;
            }
            if (got >= (int)count || (got >= 0 && holders[got])) {
                printf("take gave block %d, which somebody holds or does not exist\n", got);
                goto done;
            }
            if (got >= 0)
                holders[got] = 1, held++;
            break;
        case 2:
            got = blocks_hold(blocks, id);
            if (got != (holders[id] ? 0 : -1)) {
                printf("hold of a block with %u holders gave %d\n", holders[id], got);
                goto done;
            }
            if (holders[id])
                holders[id]++;
            break;
        default:
            got = blocks_release(blocks, id);
            if (got != (holders[id] ? 0 : -1)) {
                printf("release of a block with %u holders gave %d\n", holders[id], got);
                goto done;
            }
            if (holders[id] && --holders[id] == 0)
                held--;
        }
    }
    if (blocks_release(blocks, -1) != -1 || blocks_release(blocks, (int)count) != -1 ||
        blocks_hold(blocks, -1) != -1 || blocks_hold(blocks, (int)count) != -1) {
        printf("a block that does not exist was held or released\n");
        goto done;
    }
    status = 0;
done:
    free(holders);
    if (blocks)
        blocks_delete(blocks);
    return status;
}

#define REQUESTS 96

/* Requests of 20 to 100 blocks grow together and leave in no order; then all but a few leave, and
 * one batch of 16 × 64 blocks comes. */
static int check_map(unsigned count, uint64_t seed) {
    struct blocks *blocks = blocks_new(count);
    static int rows[REQUESTS][128];
    unsigned length[REQUESTS] = {0}, most[REQUESTS];
    unsigned char page[1 << 14] = {0};
    uint64_t state = seed;
    if (!blocks) {
        printf("it found no memory\n");
        return 1;
    }
    for (unsigned r = 0; r < REQUESTS; r++)
        most[r] = 20 + random_below(&state, 81);
    for (int step = 0; step < 20000; step++) {
        unsigned r = random_below(&state, REQUESTS);
        if (length[r] < most[r]) {
            int id = blocks_take(blocks);
            if (id < 0) {
                printf("none is free, and some must be\n");
                return 1;
            }
            rows[r][length[r]++] = id;
        } else {
            while (length[r])
                blocks_release(blocks, rows[r][--length[r]]);
            most[r] = 20 + random_below(&state, 81);
        }
    }
    for (unsigned r = 4; r < REQUESTS; r++)
        while (length[r])
            blocks_release(blocks, rows[r][--length[r]]);
    unsigned pages = 0, batch = 16 * 64;
    for (unsigned k = 0; k < batch; k++) {
        int id = blocks_take(blocks);
        if (id < 0 || id >= (int)count) {
            printf("none is free, and most must be\n");
            return 1;
        }
        pages += !page[id / PAGE]++;
    }
    blocks_delete(blocks);
    if (pages * 4 > batch / PAGE * 5) {
        printf("a batch of %u blocks touches %u pages of 2 MiB; %u would hold it\n", batch, pages,
               batch / PAGE);
        return 1;
    }
    return 0;
}

/* Two million takes and releases in a large pool: a search of the whole pool each time would take
 * hours, and the caller's time limit ends it. */
static int check_speed(void) {
    unsigned count = 1u << 20;
    struct blocks *blocks = blocks_new(count);
    int *ids = malloc(count * sizeof *ids);
    if (!blocks || !ids) {
        printf("it found no memory\n");
        return 1;
    }
    for (unsigned k = 0; k < count; k++)
        ids[k] = blocks_take(blocks);
    for (unsigned k = 0; k < count; k++)
        blocks_release(blocks, ids[(k * 9973ull) % count]);
    for (unsigned k = 0; k < count; k++)
        ids[k] = blocks_take(blocks);
    free(ids);
    blocks_delete(blocks);
    return 0;
}

static int check(void) {
    static const unsigned sizes[] = {1, 2, 63, 64, 65, 1000};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        if (check_counts(sizes[k]) != 0)
            return 1;
    for (uint64_t seed = 1; seed <= 5; seed++)
        if (check_map(10000, seed) != 0)
            return 1;
    return check_speed();
}

#else
#error "EXERCISE is 1, 2 or 3"
#endif

int main(void) {
    return check();
}
