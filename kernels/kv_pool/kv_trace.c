/*
 * kv_trace.c: the requests of a workload. Request r and its tokens are a function of the seed and
 * r, so every policy and both ways to allocate serve the same ones.
 */
#include <math.h>

#include "kernels/kv_pool/kv_inside.h"
#include "kernels/rng/philox.h"

/* Longest request: far beyond any model, and sums of two stay in range. */
#define LENGTH_LIMIT (1u << 28)
#define SIGMA_LIMIT 4.0

struct kv_churn_options kv_churn_default(unsigned pool_blocks, unsigned block_tokens,
                                         uint64_t seed) {
    /* Means of ShareGPT's conversations as W. Kwon et al. found them ("Efficient memory management
     * for large language model serving with PagedAttention", SOSP'23): prompt 161 tokens, output
     * 338, in a context of 2,048; of a small pool's, in proportion. */
    uint64_t slots = (uint64_t)pool_blocks * block_tokens;
    unsigned most = slots >= 16 * 2048 ? 2048 : (unsigned)(slots / 16);
    if (most < 16)
        most = slots < 16 ? (unsigned)slots : 16;
    return (struct kv_churn_options){
        .policy = KV_FIFO,
        .pool_blocks = pool_blocks,
        .block_tokens = block_tokens,
        .seed = seed,
        .prompt_mean = (most * 161 + 2047) / 2048,
        .output_mean = (most * 338 + 2047) / 2048,
        .length_sigma = 1.0,
        .length_most = most,
        .output_most = most / 2,
        .share = 0.5,
        .prefixes = 4,
        .prefix_tokens = most / 16,
    };
}

int kv_churn_check(const struct kv_churn_options *o, char *why) {
    if ((unsigned)o->policy >= KV_POLICY_COUNT)
        return kv_fail(why, "policy %d does not exist; there are 0 to %d", (int)o->policy,
                       KV_POLICY_COUNT - 1);
    if (o->block_tokens < 1 || o->block_tokens > KV_BLOCK_TOKENS_MOST)
        return kv_fail(why, "blocks of %u tokens; a block has 1 to %d", o->block_tokens,
                       KV_BLOCK_TOKENS_MOST);
    if (o->pool_blocks < 1 || o->pool_blocks > INT32_MAX)
        return kv_fail(why, "a pool of %u blocks; it has 1 to %d", o->pool_blocks, INT32_MAX);
    if (o->prompt_mean < 1 || o->output_mean < 1)
        return kv_fail(why, "prompts of %u and outputs of %u tokens; both have at least 1",
                       o->prompt_mean, o->output_mean);
    if (!(o->length_sigma >= 0 && o->length_sigma <= SIGMA_LIMIT))
        return kv_fail(why, "length_sigma is %g; it is 0 to %g", o->length_sigma, SIGMA_LIMIT);
    if (o->length_most < 2 || o->length_most > LENGTH_LIMIT)
        return kv_fail(why, "length_most is %u; it is 2 to %u", o->length_most, LENGTH_LIMIT);
    if ((uint64_t)o->pool_blocks * o->block_tokens < o->length_most)
        return kv_fail(why,
                       "a pool of %u blocks of %u tokens cannot hold a request of %u; enlarge it "
                       "or lower length_most",
                       o->pool_blocks, o->block_tokens, o->length_most);
    if (!(o->share >= 0 && o->share <= 1))
        return kv_fail(why, "share is %g; it is a part, 0 to 1", o->share);
    if (o->share > 0 && (o->prefixes < 1 || o->prefix_tokens > o->length_most - 2))
        return kv_fail(why,
                       "%u prefixes of %u tokens; there is at least 1, of at most %u tokens, so "
                       "that length_most leaves room for a prompt and an output",
                       o->prefixes, o->prefix_tokens, o->length_most - 2);
    return 0;
}

/* A log-normal length of the given mean: exp(sigma z - sigma²/2) times it, rounded, 1…most. */
static unsigned length_of(double z, unsigned mean, double sigma, unsigned most) {
    double log2_e = 1.4426950408889634;
    double x = mean * philox_exp2((sigma * z - sigma * sigma / 2) * log2_e) + 0.5;
    return x < 1 ? 1 : x >= most ? most : (unsigned)x;
}

struct kv_request kv_trace_request(const struct kv_churn_options *o, uint64_t number) {
    struct kv_request request = {.number = number, .prefix = -1};
    double z_prompt, z_output;
    philox_normal_pair(philox_at(o->seed, KV_STREAM_LENGTHS, number), &z_prompt, &z_output);
    struct philox_block draw = philox_at(o->seed, KV_STREAM_PREFIX, number);
    unsigned most = o->length_most - 1; /* room for one token of output */
    unsigned before = 0;
    if (philox_unit(philox_half(draw, 0)) < o->share) {
        request.prefix = (int)philox_below(philox_half(draw, 1), o->prefixes);
        before = o->prefix_tokens;
    }
    request.prompt = before + length_of(z_prompt, o->prompt_mean, o->length_sigma, most - before);
    unsigned left = o->length_most - request.prompt;
    if (o->output_most && o->output_most < left)
        left = o->output_most;
    request.output = length_of(z_output, o->output_mean, o->length_sigma, left);
    request.reserve = request.prompt + left;
    return request;
}

void kv_trace_tokens(const struct kv_churn_options *o, const struct kv_request *request,
                     unsigned first, unsigned count, uint32_t *tokens) {
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = first + i;
        bool shared = request->prefix >= 0 && at < o->prefix_tokens;
        uint64_t text = shared ? (uint64_t)request->prefix : request->number;
        tokens[i] =
            philox_at(o->seed, shared ? KV_STREAM_PREFIX_TOKENS : KV_STREAM_TOKENS, text << 28 | at)
                .v[0];
    }
}
