/*
 * Lab 03, fragment churn: what does one more sequence in the batch cost, in
 * time and in bits?
 *
 * A matrix unit multiplies fragments of a fixed size, by an arithmetic of its
 * own; a library chooses an algorithm by the shape. The sweeps time shapes in
 * steps of one, ask libraries what they chose, follow them over traces of
 * batches, predict the unit's bits and whole outputs, and recover the trees of
 * what they cannot see. README.md tells the same story in words, in the same
 * order.
 */
#include "labs/03-fragment-churn/fragments.h"

#define MATRIX_DEVICES                                                                             \
    (LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_PTX) | LAB_ON(DEVICE_SASS) | LAB_ON(DEVICE_CUDA))

static const struct claim claims[] = {
    {"F1",
     "Matrix units work on fixed-size fragments: a shape that is no multiple pays for padding.",
     .refuted_by = "one row more than whole fragments costs its share and no more, in most places",
     .on = CLAIM_TIME, .cases = "03/stairs/", .sweep = sweep_stairs, .check = check_padding},
    {"F2",
     "16 sequences of 2,048 tokens fill the fragments; 17 of 2,047 leave trailing ones under a "
     "quarter full.",
     .refuted_by = "trailing fragments that are a quarter full, wherever the batch lies",
     .on = CLAIM_BITS, .once = true, .cases = "03/fit/", .sweep = sweep_fit, .check = check_fit},
    {"F3", "One sequence more and one token less push a library to another class of algorithm.",
     .refuted_by = "libraries that name the same algorithm for both shapes", .on = CLAIM_TIME,
     .cases = "03/essay/", .sweep = sweep_essay, .check = check_class},
    {"F4", "The native fragment of this generation of GPUs is 16 x 16 x 16.",
     .refuted_by = "sums of 16 products that the unit makes in several steps, on every card",
     .on = CLAIM_BITS, .only = MATRIX_DEVICES, .cases = "03/blocks/", .sweep = sweep_blocks,
     .check = check_blocks},
    {"F5", "Under mixed lengths the histogram of the algorithms that a library chooses widens.",
     .refuted_by = "as few algorithms, as evenly, on the churning trace as on the calm one",
     .on = CLAIM_BITS, .only = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA), .cases = "03/churn/",
     .sweep = sweep_churn, .check = check_churn},
    {"F6",
     "Another algorithm is another tree and other last bits, which layer norm then amplifies.",
     .refuted_by = "relative differences that layer norm leaves as they are, or makes smaller",
     .on = CLAIM_BITS, .only = LAB_ON(DEVICE_CPU), .cases = "03/trees/ 03/layers/",
     .sweep = sweep_layers, .check = check_layers},
    {"F7",
     "A matrix unit's own arithmetic is known to the bit: outputs of whole products are predicted.",
     .refuted_by = "one bit that is not the predicted one", .on = CLAIM_BITS, .cases = "03/units/",
     .sweep = sweep_units, .check = check_units},
    {"F8", "A library may leave the tail of K out of the sum.",
     .refuted_by = "sums of ones that are K in every shape of 10,000 that are not rounded",
     .on = CLAIM_BITS, .only = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA), .cases = "03/tail/",
     .sweep = sweep_tail, .check = check_tail},
    {"F9", "One line of PTX gives other bits on other cards: FP8 is native here, emulated there.",
     .refuted_by = "the same bits of an FP8 product from every card that has one", .on = CLAIM_BITS,
     .only = MATRIX_DEVICES, .cases = "03/eight/", .sweep = sweep_eight, .check = check_eight},
    {"F10",
     "A product of integer slices has the same bits for every tile, split, order and thread count; "
     "it has a price.",
     .refuted_by = "two plans whose results differ", .on = CLAIM_BITS | CLAIM_TIME,
     .only = LAB_ON(DEVICE_CPU), .cases = "03/integer/", .sweep = sweep_integer,
     .check = check_integer},
};

static const struct quantity quantities[] = {
    {"way", "", "who multiplies: a kernel of ours, or a library"},
    {"axis", "", "dimension that is varied"},
    {"along", "1", "its value"},
    {"M", "1", "rows of A: the batch"},
    {"N", "1", "rows of B"},
    {"K", "1", "length of the sums"},
    {"fragment", "1",
     "rows that are computed at once, empty or not, in that dimension; 0: unknown"},
    {"used", "1", "share of the computed products that the output needs, by the shape"},
    {"used, counted", "1", "the same, of the products that instructions did compute"},
    {"over whole", "1", "time over that of the whole fragments just below"},
    {"weights", "", "packed beforehand, or plain as they lie there"},
    {"isa", "", "instructions that both use"},
    {"over library", "1", "time of our kernel over that of the library"},
    {"B", "1", "sequences in the batch"},
    {"L", "1", "tokens of context"},
    {"placement", "", "side of the fragment that the batch lies on"},
    {"used on the batch edge", "1", "of the fragments with the batch's last rows"},
    {"used on the context edge", "1", "of those with the context's last tokens"},
    {"used in the corner", "1", "of the one with both"},
    {"product", "", "scores (N is the context) or values (K is)"},
    {"alignment", "", "of operands: rows+2 are 2 bytes longer, behind+2 begin 2 bytes later"},
    {"algorithm", "", "what a library calls what it chose"},
    {"row ulps", "ulp", "largest distance of row 0 from what it is in the first shape"},
    {"over the first", "1", "time over that of 16, 2048, aligned"},
    {"trace", "", "calm or churning"},
    {"layer", "", "linear or scores; of a network its number"},
    {"steps left out", "1", "of more combinations than are counted"},
    {"shape class", "", "of the batch and the context (kernels/serving)"},
    {"steps", "1", "of the trace that had all of this"},
    {"format", "", "of the activations that enter a product"},
    {"around", "", "mean of the activations before layer norm, beside what they had"},
    {"outcome", "", "of a recovery"},
    {"tree", "bits", "hash of the recovered tree"},
    {"tree in words", "", "its shape, or why there is none"},
    {"classes", "1", "of elements that are added alike"},
    {"calls", "1", "products that it took to find out"},
    {"row", "bits", "hash of row 0"},
    {"checked", "1", "elements of fresh data …"},
    {"predicted", "1", "… that came out as predicted, to the bit"},
    {"width", "1", "activations of a row"},
    {"rows", "1", "of the batch"},
    {"seed", "1", "of the weights and inputs, counted from the run's"},
    {"difference", "1", "of two networks before the norm, relative to the activations"},
    {"gain of the norm", "1", "relative difference after layer norm over that before"},
    {"gain of the rounding", "1", "the same of rounding to the product's format"},
    {"gain of the product", "1", "the same of the product"},
    {"gain", "1", "of all three"},
    {"card", "", "whose matrix unit it is"},
    {"kernel", "", "instructions that multiply"},
    {"capability", "1", "of the card: 90 is sm_90"},
    {"in", "", "format of the operands"},
    {"fill", "", "what the operands hold"},
    {RESTS_PARAM, "", "what is known of this unit, where no unit is at hand"},
    {"fits another rule", "1", "elements that another unit's rule gives too"},
    {"terms", "1", "products that one step of a sum adds"},
    {"how", "", "how the card does what one line of PTX says"},
    {"output", "bits", "hash of the whole output"},
    {"slices", "1", "of 8 bits that an element is cut into"},
    {"products", "1", "of slices that are computed"},
    {"plans and batches", "1", "in which the same row was multiplied"},
    {"distinct", "1", "results of it"},
    {"distinct in float", "1", "results of the same row by float sums of K in 1, 2 and 4 parts"},
    {"name", "", "of a product by its arithmetic"},
    {"threads", "1", "workers"},
    {"error", "1", "of the output, relative to it"},
    {"role", "", "library; or planted: ours, with the defect on purpose"},
    {"shapes", "1", "that were multiplied, drawn and not rounded"},
    {"declined", "1", "shapes that it does not take"},
    {"wrong shapes", "1", "in which some element of a product of ones was not K"},
    {"came out", "1", "in place of K"},
    {"over sgemm", "1", "time over that of OpenBLAS' sgemm"},
};

static const struct kernels_used kernels[] = {
    {"03/", "mma/"},
    {"03/churn/", "mma/ serving/"},
};

static const struct table_spec tables[] = {
    {"stairs", "03/stairs/",
     "device; axis; way; along; us, low, high = @median / 1e-6~; used; over whole",
     .sort = "device;axis;way;along"},
    {"speed", "03/speed/",
     "device; isa; threads; M; N; K; weights; name; ms, low, high = @median / 1e-3~; over library, "
     "library low, library high = over library~"},
    {"fit", "03/fit/",
     "B; L; placement; used; counted = used, counted; batch edge = used on the batch edge; context "
     "edge = used on the context edge; corner = used in the corner"},
    {"essay", "03/essay/",
     "device; way; product; B; L; alignment; algorithm; ulps = row ulps; over the first, low, high "
     "= over the first~",
     .sort = "device;way;product"},
    {"histograms", "03/churn/", "device\tway\tlayer\thistogram\tplace\tbin\tcalm\tchurning",
     .write = write_histograms},
    {"churn", "03/churn/",
     "device; way; layer; trace; class = shape class; algorithm; ulps = row ulps; steps",
     .sort = "device;way;layer;trace;shape class"},
    {"trees", "03/trees/",
     "device; way; N; K; M; algorithm; row; ulps = row ulps; outcome; words = tree in words; "
     "checked; predicted"},
    {"layers", "03/layers/",
     "device; format; around; seed; layer; difference; norm = gain of the norm; rounding = gain of "
     "the rounding; product = gain of the product; gain"},
    {"units", "03/units/",
     "device; card; kernel; in; M; N; K; fill; checked; predicted; another rule = fits another "
     "rule",
     .sort = "device;card;kernel;in"},
    {"blocks", "03/blocks/", "device; card; capability; kernel; in; terms; words = tree in words"},
    {"tail", "03/tail/",
     "device; way; role; shapes; declined; wrong = wrong shapes; M; N; K; came out"},
    {"eight", "03/eight/",
     "device; card; in; how; output; checked; predicted; other kind = fits another rule"},
    {"integer", "03/integer/slices",
     "device; slices; products; fill; plans and batches; distinct; in float = distinct in float; "
     "checked; predicted"},
    {"price", "03/integer/time/",
     "device; threads; M; N; K; name; ms, low, high = @median / 1e-3~; error; over sgemm, sgemm "
     "low, sgemm high = over sgemm~"},
};

const struct lab lab = {
    .number = 3,
    .name = "fragment-churn",
    .question = "What does one more sequence in the batch cost, in time and in bits?",
    .needs = "a CPU; a GPU if there is one",
    .takes = "quick 60 s, default 5 min on two cores",
    .bits_devices = LAB_ON(DEVICE_CPU) | MATRIX_DEVICES,
    .time_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .quantities = quantities,
    .quantity_count = sizeof quantities / sizeof *quantities,
    .kernels = kernels,
    .kernel_count = sizeof kernels / sizeof *kernels,
    .tables = tables,
    .table_count = sizeof tables / sizeof *tables,
};
