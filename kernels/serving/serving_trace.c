/*
 * serving_trace.c: the requests of a workload. Request r and its tokens are a function of the seed
 * and r, so every batcher and every memory serves the same ones.
 */
#include "kernels/rng/philox.h"
#include "kernels/serving/serving_inside.h"

int serving_trace_check(const struct serving_trace *t, char *why) {
    if (t->prompt_mean < 1 || t->output_mean < 1)
        return serving_fail(why, "prompts of %u and outputs of %u tokens; both have at least 1",
                            t->prompt_mean, t->output_mean);
    if (!(t->length_sigma >= 0 && t->length_sigma <= SERVING_SIGMA_MOST))
        return serving_fail(why, "length_sigma is %g; it is 0 to %g", t->length_sigma,
                            SERVING_SIGMA_MOST);
    if (t->length_most < 2 || t->length_most > SERVING_LENGTH_MOST)
        return serving_fail(why, "length_most is %u; it is 2 to %u", t->length_most,
                            SERVING_LENGTH_MOST);
    if (!(t->share >= 0 && t->share <= 1))
        return serving_fail(why, "share is %g; it is a part, 0 to 1", t->share);
    if (t->share > 0 && (t->prefixes < 1 || t->prefix_tokens > t->length_most - 2))
        return serving_fail(why,
                            "%u prefixes of %u tokens; there is at least 1, of at most %u tokens, "
                            "so that length_most leaves room for a prompt and an output",
                            t->prefixes, t->prefix_tokens, t->length_most - 2);
    return 0;
}

/* A log-normal length of the given mean: exp(sigma z - sigma²/2) times it, rounded, >= 1. */
static unsigned length_of(double z, unsigned mean, double sigma) {
    double log2_e = 1.4426950408889634;
    double x = mean * philox_exp2((sigma * z - sigma * sigma / 2) * log2_e) + 0.5;
    return x < 1 ? 1 : x >= SERVING_LENGTH_MOST ? SERVING_LENGTH_MOST : (unsigned)x;
}

struct serving_request serving_trace_request(const struct serving_trace *t, uint64_t number) {
    struct serving_request request = {.number = number, .prefix = -1};
    double z_prompt, z_output;
    philox_normal_pair(philox_at(t->seed, SERVING_STREAM_LENGTHS, number), &z_prompt, &z_output);
    struct philox_block draw = philox_at(t->seed, SERVING_STREAM_PREFIX, number);
    if (philox_unit(philox_half(draw, 0)) < t->share) {
        request.prefix = (int)philox_below(philox_half(draw, 1), t->prefixes);
        request.sent = t->prefix_tokens;
    }
    request.sent += length_of(z_prompt, t->prompt_mean, t->length_sigma);
    request.prompt = request.sent;
    if (request.prompt >= t->length_most) { /* one token of output has room */
        request.prompt = t->length_most - 1;
        request.truncation = SERVING_CONTEXT;
    }
    unsigned left = t->length_most - request.prompt;
    if (t->output_most && t->output_most < left)
        left = t->output_most;
    request.output = length_of(z_output, t->output_mean, t->length_sigma);
    request.output_is_cut = request.output > left;
    if (request.output_is_cut)
        request.output = left;
    request.reserve = request.prompt + left;
    return request;
}

void serving_trace_tokens(const struct serving_trace *t, const struct serving_request *request,
                          unsigned first, unsigned count, uint32_t *tokens) {
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = (uint64_t)first + i;
        bool shared = request->prefix >= 0 && at < t->prefix_tokens;
        uint64_t text = shared ? (uint64_t)request->prefix : request->number;
        enum serving_stream stream = shared ? SERVING_STREAM_PREFIX_TOKENS : SERVING_STREAM_TOKENS;
        tokens[i] = philox_at(t->seed, stream, text << 28 | at).v[0];
    }
}
