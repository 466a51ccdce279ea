/*
 * data.c: the labs' inputs. Large arrays are filled by several threads; each element depends on
 * its index only, so that changes nothing.
 */
#include "kernels/rng/data.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/element/element.h"
#include "kernels/rng/philox.h"
#include "kernels/threads/threads.h"

/* Philox streams of one seed: one per use, so that no two share numbers. */
enum { STREAM_VALUES = 1, STREAM_KEYS, STREAM_SCALES, STREAM_SHUFFLE };

/* Under this, starting threads costs more than it saves. */
#define THREADED_FROM ((size_t)1 << 17)

static const double attention_correlation = 0.2;

const char *data_kind_name(enum data_kind kind) {
    static const char *const names[DATA_KINDS] = {"uniform", "normal", "log-uniform", "cancelling",
                                                  "attention"};
    return (unsigned)kind < DATA_KINDS ? names[kind] : "unknown";
}

void data_octaves(enum element type, double *low, double *high) {
    bool narrow = type == ELEMENT_F16 || type == ELEMENT_E5M2 || type == ELEMENT_E4M3;
    *low = type == ELEMENT_E4M3 ? -6 : narrow ? -14 : -40;
    *high = narrow ? 0 : 40;
}

static double rounded(enum element type, double value) {
    double out = 0; /* room for any type */
    element_set(type, &out, 0, value);
    return element_get(type, &out, 0);
}

/* --- the kinds ---------------------------------------------------------------------------------
 */

struct job {
    enum data_kind kind;
    enum element type;
    struct data_options options;
    void *x, *y; /* y: the keys of an attention score; NULL: x holds the products */
    size_t n;
    /* Cancelling: `pairs` pairs, then `carriers` elements of value `carrier`, then zeros. */
    size_t pairs, carriers;
    double carrier;
    double *partial; /* Σ|pairs| of each part */
    double *scale;   /* attention: of each channel of k */
};

/* A bijection on 0…n-1: four Feistel rounds over the smallest 2^bits >= n, walked on until the
 * image is in range. Unlike an array shuffled in place it needs no memory and no order. */
static size_t permute(size_t i, size_t n, uint64_t seed) {
    int bits = 2;
    while (bits < 64 && ((uint64_t)n - 1) >> bits)
        ++bits;
    const int low_bits = bits / 2, high_bits = bits - low_bits;
    const uint64_t low_mask = (1ull << low_bits) - 1, high_mask = (1ull << high_bits) - 1;
    uint64_t v = i;
    do {
        uint64_t high = v >> low_bits, low = v & low_mask;
        for (uint64_t round = 0; round < 4; round += 2) {
            /* Each half is changed by a function of the other; the multiplier is 2^64/φ. */
            uint64_t f = (low + (round << 32) + seed) * 0x9E3779B97F4A7C15ull;
            f = (f ^ f >> 29) * 0x9E3779B97F4A7C15ull;
            high = (high ^ f >> 32) & high_mask;
            f = (high + ((round + 1) << 32) + (seed ^ seed >> 31)) * 0x9E3779B97F4A7C15ull;
            f = (f ^ f >> 29) * 0x9E3779B97F4A7C15ull;
            low = (low ^ f >> 32) & low_mask;
        }
        v = high << low_bits | low;
    } while (v >= n);
    return (size_t)v;
}

/* Magnitude of pair p, already rounded to the type, so that its two members cancel exactly. */
static double pair_magnitude(const struct job *job, size_t p) {
    return rounded(job->type, fabs(philox_normal(job->options.seed, STREAM_VALUES, p)));
}

static double cancelling(const struct job *job, uint64_t shuffle_seed, size_t i) {
    size_t place = permute(i, job->n, shuffle_seed);
    if (place < 2 * job->pairs) {
        double z = pair_magnitude(job, place / 2);
        return place & 1 ? -z : z;
    }
    return place - 2 * job->pairs < job->carriers ? job->carrier : 0.0;
}

/* Elements i of q and of k. */
static void attention(const struct job *job, size_t i, double *q, double *k) {
    const size_t head = job->options.head;
    const double rho = attention_correlation;
    double a, b;
    philox_normal_pair(philox_at(job->options.seed, STREAM_KEYS, i), &a, &b);
    *q = a / sqrt((double)head);
    *k = (rho * a + sqrt(1.0 - rho * rho) * b) * job->scale[i % head];
}

static int channel_scales(struct job *job) {
    /* No more channels than elements are looked at. */
    size_t channels = job->options.head < job->n ? job->options.head : job->n;
    job->scale = malloc((channels ? channels : 1) * sizeof *job->scale);
    if (!job->scale)
        return -1;
    for (size_t c = 0; c < channels; ++c) {
        job->scale[c] = philox_exp2(0.5 * philox_normal(job->options.seed, STREAM_SCALES, c));
        if (c % 32 == 5)
            job->scale[c] *= 16;
    }
    return 0;
}

/* Two numbers to a block: twice as fast as element by element. */
static void fill_normal(const struct job *job, size_t begin, size_t end) {
    for (size_t i = begin; i < end;) {
        double pair[2];
        philox_normal_pair(philox_at(job->options.seed, STREAM_VALUES, i >> 1), &pair[0], &pair[1]);
        do
            element_set(job->type, job->x, i, pair[i & 1]);
        while (++i < end && (i & 1));
    }
}

static void fill_part(void *context, unsigned index, unsigned count) {
    const struct job *job = context;
    const struct data_options *o = &job->options;
    size_t begin = job->n / count * index + (job->n % count < index ? job->n % count : index);
    size_t end = begin + job->n / count + (index < job->n % count);
    if (job->kind == DATA_NORMAL) {
        fill_normal(job, begin, end);
        return;
    }
    uint64_t shuffle_seed = philox_u64(o->seed, STREAM_SHUFFLE, 0);
    for (size_t i = begin; i < end; ++i) {
        double value = 0;
        switch (job->kind) {
        case DATA_UNIFORM:
            value = philox_unit(philox_u64(o->seed, STREAM_VALUES, i));
            break;
        case DATA_LOG_UNIFORM:
            value = philox_log_uniform(o->seed, STREAM_VALUES, i, o->low, o->high);
            break;
        case DATA_CANCELLING:
            value = cancelling(job, shuffle_seed, i);
            break;
        case DATA_ATTENTION: {
            double k;
            attention(job, i, &value, &k);
            if (job->y)
                element_set(job->type, job->y, i, k);
            else /* both factors are rounded first; their product is exact in double but for f64 */
                value = rounded(job->type, value) * rounded(job->type, k);
            break;
        }
        case DATA_NORMAL:
        case DATA_KINDS:
            break;
        }
        element_set(job->type, job->x, i, value);
    }
}

/* Σ|pairs| is cut into this many parts whatever the thread count, so its bits do not depend on
 * the machine. */
#define SUM_PARTS 64

static void sum_part(void *context, unsigned index, unsigned count) {
    struct job *job = context;
    for (unsigned part = index; part < SUM_PARTS; part += count) {
        size_t begin = job->pairs / SUM_PARTS * part, end = begin + job->pairs / SUM_PARTS;
        if (part == SUM_PARTS - 1)
            end = job->pairs;
        double sum = 0;
        for (size_t p = begin; p < end; ++p)
            sum += 2.0 * pair_magnitude(job, p);
        job->partial[part] = sum;
    }
}

static void run(struct job *job, pool_function *function) {
    unsigned cpus = pool_cpus();
    struct pool *pool = NULL;
    /* A pool of its own: the shared one may be at work for whoever fills this. */
    if (job->n >= THREADED_FROM && cpus > 1 && pool_create(&pool, cpus) == 0) {
        pool_run(pool, function, job);
        pool_destroy(pool);
    } else {
        function(job, 0, 1);
    }
}

static int fill(struct job *job) {
    if (job->kind == DATA_ATTENTION && channel_scales(job) != 0)
        return -1;
    run(job, fill_part);
    free(job->scale);
    return 0;
}

static double smallest_of(enum element type) {
    static const double smallest[ELEMENTS] = {
        [ELEMENT_F32] = 0x1p-149, [ELEMENT_F64] = 0x1p-1074, [ELEMENT_BF16] = 0x1p-133,
        [ELEMENT_F16] = 0x1p-24,  [ELEMENT_TF32] = 0x1p-136, [ELEMENT_E4M3] = 0x1p-9,
        [ELEMENT_E5M2] = 0x1p-16,
    };
    return smallest[type];
}

/* Decides how many elements pair up and what the others must be. */
static void plan_cancelling(struct job *job) {
    const double condition = job->options.condition;
    if (job->n < 3) {
        job->carriers = job->n;
        job->carrier = 1;
        return;
    }
    double share = (double)job->n / condition;
    job->carriers = share < 1.5 ? 1 : (size_t)(share + 0.5);
    if (job->carriers > job->n - 2)
        job->carriers = job->n - 2;
    job->pairs = (job->n - job->carriers) / 2;
    if (job->carriers > 1)
        job->carriers = job->n - 2 * job->pairs;
    double partial[SUM_PARTS];
    job->partial = partial;
    run(job, sum_part);
    double sum = 0;
    for (int part = 0; part < SUM_PARTS; ++part)
        sum += partial[part];
    job->partial = NULL;
    job->carrier = rounded(job->type, sum / ((double)job->carriers * (condition - 1.0)));
    if (job->carrier < smallest_of(job->type))
        job->carrier = smallest_of(job->type);
}

static int complete(struct job *job) {
    struct data_options *o = &job->options;
    if (o->low == 0 && o->high == 0)
        data_octaves(job->type, &o->low, &o->high);
    if (o->condition == 0)
        o->condition = 1e6;
    if (o->head == 0)
        o->head = 128;
    if ((unsigned)job->kind >= DATA_KINDS || (unsigned)job->type >= ELEMENTS)
        return -1;
    if (!(o->low < o->high && o->low >= -1000 && o->high <= 1000))
        return -1;
    if (!(o->condition > 1) || isinf(o->condition))
        return -1;
    return 0;
}

int data_fill(enum data_kind kind, enum element type, const struct data_options *options, void *x,
              size_t n) {
    struct job job = {.kind = kind, .type = type, .options = *options, .x = x, .n = n};
    if (complete(&job) != 0)
        return -1;
    if (kind == DATA_CANCELLING)
        plan_cancelling(&job);
    return fill(&job);
}

int data_attention(enum element type, const struct data_options *options, void *q, void *k,
                   size_t n) {
    struct job job = {
        .kind = DATA_ATTENTION, .type = type, .options = *options, .x = q, .y = k, .n = n};
    if (complete(&job) != 0)
        return -1;
    return fill(&job);
}
