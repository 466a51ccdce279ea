/*
 * Lab 08, token-margins: when does a last bit become another word?
 *
 * A model with open weights answers questions, greedily. Its sums are staged by a plan; under
 * another plan they have other last bits, and where two tokens are nearly as likely, another token
 * wins. Since both plans are known, each flip is said before a kernel runs. margins.h says what is
 * where; README.md tells the same in words.
 */
#include <stdio.h>

#include "labs/08-token-margins/margins.h"

static int predict(struct lab_run *run) {
    (void)run;
    printf("prediction: every flipped token is named before the kernels run, and no other flips;\n"
           "            under one step in a hundred does; texts part at the first one\n");
    return 0;
}

static const struct claim claims[] = {
    {"M5", "With both plans known, every flipped token is said before a kernel runs.",
     .refuted_by = "a predicted bit that does not hold is a bug, never a refutation",
     .on = CLAIM_BITS, .cases = "08/teach/", .sweep = sweep_teach, .check = check_predicted},
    {"M1", "A change of at most e in each logit can flip a token whose margin is above e.",
     .refuted_by = "flips, and all at margins up to the largest change of a logit",
     .on = CLAIM_BITS, .cases = "08/teach/", .sweep = sweep_teach, .check = check_bound},
    {"M6", "Flips are rare: at most 1.3 % of steps, for any one change of a plan.",
     .refuted_by = "more, beyond its interval, for every change", .on = CLAIM_BITS,
     .cases = "08/teach/", .sweep = sweep_teach, .check = check_rare},
    {"Q5",
     "With floats between kernels, another order of sums flips fewer tokens than with bfloat16.",
     .refuted_by = "more flips with floats, beyond the intervals", .on = CLAIM_BITS,
     .cases = "08/teach/", .sweep = sweep_teach, .check = check_floats},
    {"Q6", "Roundings between kernels flip more tokens than another order of sums does.",
     .refuted_by = "fewer, beyond the intervals", .on = CLAIM_BITS, .cases = "08/teach/",
     .sweep = sweep_teach, .check = check_roundings},
    {"M2", "After one flip two texts go apart, and some meet again.",
     .refuted_by = "texts that part, and none that meets again", .on = CLAIM_BITS,
     .cases = "08/free/", .sweep = sweep_free, .check = check_parting},
    {"M3", "The longer a text, the more have parted: it does not end with the first half.",
     .refuted_by = "texts whole at half of the length, and none that parts later", .on = CLAIM_BITS,
     .cases = "08/free/", .sweep = sweep_free, .check = check_length},
    {"M7", "Texts whose margins are small early on part more often than others.",
     .refuted_by = "less often, beyond the intervals", .on = CLAIM_BITS, .cases = "08/free/",
     .sweep = sweep_free, .check = check_early},
    {"M4", "The decoding contract changes the text, on the same logits and random numbers.",
     .refuted_by = "the greedy token under every contract, in most texts", .on = CLAIM_BITS,
     .cases = "08/contract/", .sweep = sweep_contracts, .check = check_contracts},
};

static const struct quantity quantities[] = {
    {"model", "", "the weights: open ones, or small random ones"},
    {"question", "1", "which question was asked, from 0"},
    {"kind", "", "what kind of question it is"},
    {"tokens", "1", "most tokens of a text"},
    {"pair", "", "the two plans"},
    {"changes", "", "what is different between them"},
    {"under", "", "where both round"},
    {"steps", "1", "steps of texts"},
    {"flips", "1", "steps whose token differs between the two plans' kernels"},
    {"said", "1", "steps whose token differs, as predicted"},
    {"missed", "1", "flips that were not predicted"},
    {"said wrongly", "1", "predicted flips that were none"},
    {"another token", "1", "flips to another token than was predicted"},
    {"can flip", "1", "steps whose margin is at most twice the largest change of a logit"},
    {"flips above", "1", "flips whose margin is above the largest change of a logit"},
    {"flips beyond", "1", "flips whose margin is above twice that: there can be none"},
    {"logits", "1", "logits whose bits were predicted, of both plans"},
    {"wrong bits", "1", "of these, logits that have other bits"},
    {"margin", "1", "from the largest logit to the next, at each step"},
    {"flipped", "1", "for each step, a bit for each pair of plans: it flips"},
    {"length", "1", "tokens of the first plan's text"},
    {"parted", "1", "1: the two texts differ somewhere"},
    {"part", "1", "the first token that differs"},
    {"met", "1", "1: after that, 8 tokens in a row are equal again, up to 4 places apart"},
    {"meet", "1", "where these begin"},
    {"early margin", "1", "the smallest margin of the first 16 steps"},
    {"contract", "", "how a token is chosen from the logits"},
    {"text", "", "what four steps worked out by hand say"},
    {"as worked out", "1", "1: that is what they should say"},
    {"other tokens", "1", "steps whose token is not the greedy one"},
};

static const struct kernels_used kernels[] = {
    {"08/", "decoder/ paged_attention/"},
};

static const struct table_spec tables[] = {
    {"flips", "08/teach/",
     "device; model; pair; changes; under; question; steps; flips; said; can = can flip",
     .sort = "device;pair;question"},
    {"margins", "08/teach/", "device\tkind\tquestion\tstep\tmargin\tflip", .write = margins_table},
    {"rates", "08/teach/", "device\tpair\tnumber\tsteps\tflips\tpercent\tlow\thigh",
     .write = rates_table},
    {"order", "08/teach/",
     "device\tbetween kernels\tsame order (%)\tlow\thigh\tanother order (%)\tlow2\thigh2",
     .write = order_table},
    {"saying", "08/teach/",
     "device\tpair\tsaid by\tflips\tsaid\tright\tprecision (%)\tlow\thigh\trecall "
     "(%)\tlow2\thigh2",
     .write = saying_table},
    {"kinds", "08/teach/",
     "device\tkind\ttexts\tmedian margin\tleast margin\tsteps\tflips\tflips "
     "(%)\tlow\thigh",
     .write = kinds_table},
    {"meeting", "08/free/",
     "device\tpair\ttexts\tparted\tparted (%)\tlow\thigh\tmet again\tmet (%)\tlow2\thigh2",
     .write = meeting_table},
    {"whole", "08/free/", "device\tpair\ttoken\twhole", .write = whole_table},
    {"parting", "08/free/",
     "device; pair; kind; question; length; part!; meet; early = early margin",
     .sort = "pair;part"},
    {"contracts", "08/contract/", "device; contract; kind; question; steps!; others = other tokens",
     .sort = "contract;question"},
};

const struct lab lab = {
    .number = 8,
    .name = "token-margins",
    .question = "When does a last bit become another word?",
    .needs = "a CPU; open weights, which scripts/fetch-model brings (else small random ones)",
    .takes = "quick 20 s, default 4 min on two cores",
    .bits_devices = LAB_ON(DEVICE_CPU),
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
