/*
 * Lab 09, batch-invariance: does company change my answer?
 *
 * The same prompt, the same weights, temperature 0: another answer, and only under load. A real
 * model is served with continuous batching; who shares a step changes how many rows it has, the
 * number of rows chooses the plan, the plan stages the sums, and a last bit becomes another word.
 * Each link is shown by itself, and cut by itself. invariance.h says what is where; README.md tells
 * the same in words.
 */
#include <stdio.h>

#include "labs/09-batch-invariance/invariance.h"

static int predict(struct lab_run *run) {
    (void)run;
    printf("prediction: with the rule that counts rows, other bits in company and several answers\n"
           "            under load; with a fixed plan none, and one; all bits as the model says\n");
    return 0;
}

/* Where a step has kernels: native ones, and those of decoder.cu on all that runs CUDA sources. */
#define STEPS_ON                                                                                   \
    (LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_PTX) | LAB_ON(DEVICE_SASS) |         \
     LAB_ON(DEVICE_CUDA))

static const struct claim claims[] = {
    {"B1", "A request's logits depend on who shares its batch, though its arithmetic is its own.",
     .refuted_by = "the bits that it has alone, in every batch", .on = CLAIM_BITS, .only = STEPS_ON,
     .cases = "09/company/", .sweep = sweep_company, .check = check_company},
    {"B2", "A fixed plan makes a request's logits independent of the batch.",
     .refuted_by = "other bits in every batch", .on = CLAIM_BITS, .only = STEPS_ON,
     .cases = "09/company/", .sweep = sweep_company, .check = check_fixed},
    {"B4", "Splitting K is the only way in which a batch changes bits.",
     .refuted_by = "other bits in every batch though K is never split", .on = CLAIM_BITS,
     .only = STEPS_ON, .cases = "09/company/", .sweep = sweep_company, .check = check_split_alone},
    {"B3", "Chunks of a prompt and a reused prefix change bits too.",
     .refuted_by = "the bits of the whole prompt, in most ways", .on = CLAIM_BITS,
     .only = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA), .cases = "09/chunks/", .sweep = sweep_chunks,
     .check = check_chunks},
    {"B5", "Verifying several tokens at once gives the bits of one at a time.",
     .refuted_by = "other bits at every number of tokens", .on = CLAIM_BITS,
     .only = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA), .cases = "09/chunks/", .sweep = sweep_chunks,
     .check = check_verify},
    {"S7", "Attention depends on staging alike: over a long context the batch changes its splits.",
     .refuted_by = "the same bits whatever the number of splits", .on = CLAIM_BITS,
     .only = LAB_ON(DEVICE_CPU), .cases = "09/context/", .sweep = sweep_context,
     .check = check_context},
    {"R1", "Same prompt, same weights, temperature 0: the answer changes, and only under load.",
     .refuted_by =
         "one answer under load in so many askings that 5 % of others are out of the interval",
     .on = CLAIM_BITS, .only = LAB_ON(DEVICE_CPU), .cases = "09/load/", .sweep = sweep_load,
     .check = check_load},
    {"09.3",
     "With oneDNN or OpenBLAS underneath, a row's product has its bits whatever its company.",
     .refuted_by = "other bits in every product", .on = CLAIM_BITS, .only = LAB_ON(DEVICE_CPU),
     .cases = "09/library/", .sweep = sweep_libraries, .check = check_libraries},
    {"09.4", "With cuBLASLt underneath, a row's product has its bits whatever its company.",
     .refuted_by = "other bits in every product", .on = CLAIM_BITS, .only = LAB_ON(DEVICE_CUDA),
     .cases = "09/library/", .sweep = sweep_libraries, .check = check_libraries},
    {"09.1", "A fixed plan takes at most a tenth longer than the rule that counts rows.",
     .refuted_by = "more than a tenth, at every batch", .on = CLAIM_TIME, .cases = "09/price/",
     .sweep = sweep_price, .check = check_price},
    {"09.2", "One request is decoded at 0.6 of the speed at which memory can be read, or faster.",
     .refuted_by = "slower, by every plan", .on = CLAIM_TIME, .cases = "09/price/",
     .sweep = sweep_price, .check = check_roof},
    {"09.5", "A prompt is computed at 0.6 of the speed of the fastest matrix kernel, or faster.",
     .refuted_by = "slower, by every plan", .on = CLAIM_TIME, .cases = "09/prompt/",
     .sweep = sweep_prompt, .check = check_prompt},
};

static const struct quantity quantities[] = {
    {"model", "", "the weights: open ones, or small random ones"},
    {"rule", "", "what decides how products are staged"},
    {"batch", "1", "requests in a step"},
    {"logits", "1", "logits that are compared"},
    {"other bits", "1",
     "of these, logits with other bits than alone, or than for the whole prompt"},
    {"steps", "1", "steps whose token is compared"},
    {"other tokens", "1", "of these, steps with another token"},
    {"unexplained", "1", "logits with other bits than alone where the rule counts as many rows"},
    {"wrong bits", "1", "logits with other bits than the model of the plan says"},
    {"splits", "1", "of attention"},
    {"splits of two", "1", "of attention, in a batch of two"},
    {"how", "", "how the prompt was computed"},
    {"size", "1", "tokens of a chunk, a reused prefix, or verified at once"},
    {"link", "", "which link of the chain is as it is, or cut"},
    {"completions", "1", "how often the question was asked"},
    {"tokens", "1", "tokens of an answer, of a prompt, or of a long context"},
    {"distinct", "1", "answers that differ from each other"},
    {"most frequent", "1", "how often the most frequent answer was given"},
    {"as free", "1", "answers that are those of the same request in the run `free`"},
    {"as alone", "1", "answers that are the one given alone"},
    {"rows a step", "1", "requests in a step, in the mean"},
    {"most rows", "1", "requests in the fullest step"},
    {"way", "", "a library, the format of its operands, and its threads"},
    {"library", "", "whose product it is"},
    {"version", "", "of the library"},
    {"threads", "1", "that it may use"},
    {"product", "", "which product of the model"},
    {"outputs", "1", "of the product"},
    {"inputs", "1", "of the product"},
    {"last row", "1", "outputs of the last row, the same numbers, that differ from those alone"},
    {"not again", "1", "outputs of all rows with other bits in a second call"},
    {"implementation", "", "what the library says that it chose"},
    {"over heuristic", "1", "time over that of the rule that counts rows"},
    {"virtual machine", "1", "1: a host shares out CPUs and memory; 0: none does"},
    {"over products", "1", "time over that of the fastest matrix kernel for its products alone"},
    {"instructions", "", "what the processor computes it with"},
    {"terms", "", "what of a product is summed first: nothing, or a block"},
    {"times", "1", "how often this answer was given"},
    {"first difference", "1", "the first token that is not the most frequent answer's"},
    {"text", "", "the answer"},
    {"ends", "", "where its tokens end, in bytes"},
    {"there", "", "its token at that place"},
};

static const struct kernels_used kernels[] = {
    {"09/", "decoder/ paged_attention/"},
    {"09/library/", "mma/mma_ element/"},
    {"09/price/", "decoder/ paged_attention/ roofs/"},
    {"09/prompt/", "decoder/ paged_attention/ mma/"},
};

static const struct table_spec tables[] = {
    {"company", "09/company/",
     "device; rule; batch; logits; other = other bits; tokens = other tokens; unexplained; wrong = "
     "wrong bits",
     .sort = "device;rule;batch"},
    {"chunks", "09/chunks/",
     "device; rule; how; size; logits; other = other bits; tokens = other tokens; wrong = wrong "
     "bits",
     .sort = "device;rule;how;size"},
    {"context", "09/context/",
     "device; rule; batch; splits; logits; other = other bits; tokens = other tokens; wrong = "
     "wrong "
     "bits",
     .sort = "device;rule;batch"},
    {"links", "09/load/",
     "device\tlink\tnumber\taskings\tdistinct\tpercent\tlow\thigh\trows a step",
     .write = texts_table},
    {"libraries", "09/library/",
     "device\tway\tthreads\tproduct\toutputs\tinputs\tasked\tchanged\tthey are\tversion",
     .write = libraries_table},
    {"price", "09/price/",
     "device; batch; rule; seconds = @median; ratio, low, high = over heuristic~; roof = roof "
     "fraction",
     .sort = "batch;rule"},
    {"prompt", "09/prompt/",
     "device; terms; instructions; tokens; seconds = @median; ratio, low, high = over products~",
     .sort = "terms"},
    {"answers", "09/load/", "device; link; times; at = first difference; there", .sort = "link;at"},
};

const struct lab lab = {
    .number = 9,
    .name = "batch-invariance",
    .question = "Does company change my answer?",
    .needs =
        "a CPU; open weights, which make model brings (else small random ones); a GPU for 09.4",
    .takes = "quick 50 s, default 5 min on two cores",
    .bits_devices = STEPS_ON,
    .time_devices = LAB_ON(DEVICE_CPU),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .quantities = quantities,
    .quantity_count = sizeof quantities / sizeof *quantities,
    .kernels = kernels,
    .kernel_count = sizeof kernels / sizeof *kernels,
    .tables = tables,
    .table_count = sizeof tables / sizeof *tables,
    .predict = predict,
};
