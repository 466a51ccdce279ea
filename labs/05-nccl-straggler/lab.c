/*
 * Lab 05, NCCL straggler: how does one slow rank become everybody's plan?
 *
 * Ranks compute and then sum over all of them, step after step: as processes under Open MPI, as
 * simulated ranks under SMPI, under NCCL, and as groups of thread blocks of one GPU. One is made
 * late, by a known time. The sweeps follow that time through the sum into the step, the batch, the
 * shape class and the plan, and through the logs back to its cause; and they predict the sum's
 * bits. README.md tells the same story in words, in the same order.
 */
#include "labs/05-nccl-straggler/stragglers.h"

#define ON_ENGINES LAB_ON(DEVICE_CPU)

static const struct claim claims[] = {
    {"C1",
     "A step is computing, waiting and communication, and communication takes α + n/β for each "
     "message of its algorithm.",
     .refuted_by = "sums that are off that by 1 % where α and β are given, by 10 % where they are "
                   "fitted; a twentieth of a step in no log",
     .on = CLAIM_TIME, .only = ON_ENGINES, .cases = "05/engine/ 05/sum/", .sweep = sweep_parts,
     .check = check_parts},
    {"C2", "A collective completes at the pace of its slowest rank; p99 is a straggler story.",
     .refuted_by =
         "a step that becomes longer by less than 0.9 or more than 1.1 of a rank's stall; "
         "a slowest 1 % of steps that is more communication than lateness",
     .on = CLAIM_TIME, .only = ON_ENGINES | LAB_ON(DEVICE_CUDA),
     .cases = "05/engine/ 05/stall/ 05/slope/ 05/rare/ 05/run/", .sweep = sweep_stalls,
     .check = check_pace},
    {"C6",
     "Tensor- and data-parallel groups couple: a stall in one group of 8 of 32 ranks spreads to "
     "the others.",
     .refuted_by = "groups without the late rank that end their step on time", .on = CLAIM_TIME,
     .only = ON_ENGINES, .cases = "05/engine/ 05/spread/ 05/named/", .sweep = sweep_groups,
     .check = check_groups},
    {"C7", "The more ranks, the worse: a step is the maximum over its ranks.",
     .refuted_by =
         "steps that do not grow with the number of ranks, or not as the expected maximum",
     .on = CLAIM_TIME, .only = ON_ENGINES, .cases = "05/engine/ 05/many/ 05/rare/openmpi/",
     .sweep = sweep_many, .check = check_many},
    {"C9", "A late rank makes the library send messages again.",
     .refuted_by = "communication that nobody waits in, no longer with a late rank, over a network",
     .on = CLAIM_TIME, .only = ON_ENGINES, .cases = "05/engine/ 05/stall/", .sweep = NULL,
     .check = check_retransmission},
};

static const struct quantity quantities[] = {
    {"engine", "", "what runs the ranks"},
    {"runs", "", "whether it does here"},
    {"version", "", "of the engine"},
    {"missing", "", "why an engine does not run here"},
    {"ranks", "1", "members of the sum"},
    {"algorithm", "", "of the sum: who adds what to what"},
    {"oversubscribed", "", "more ranks than cores"},
    {"compute", "us", "time that a rank computed before the sum"},
    {"start", "us", "when it entered the sum, by its own clock"},
    {"end", "us", "when it left it"},
    {"stall", "us", "what was added to its computing: the truth"},
    {"log ranks", "1", "ranks of the log"},
    {"log bytes", "bytes", "of a rank's buffer in it"},
    {"setting", "", "what else of the plan decides the order of a sum"},
    {"n", "1", "elements of a message"},
    {"sums", "1", "with nobody late"},
    {"agreeing", "1", "sums whose bits are the same on all ranks"},
    {"results", "1", "different results among sums with nobody late"},
    {"stalled", "1", "sums with a rank that was late"},
    {"changed", "1", "sums with a rank that was late whose bits are others"},
    {"repeats", "", "by the model, the same bits in every run"},
    {"invariant", "", "by the model, the order does not depend on what the case varies"},
    {"predicted", "bits", "FNV-1a of the result, by the model"},
    {"measured", "bits", "FNV-1a of the result"},
    {"shared", "1", "elements of the smallest message of the case"},
    {"first", "bits", "FNV-1a of the result's elements that the smallest message has too"},
    {"found", "", "whose order it is, found from outputs alone"},
    {"aligned us", "us", "time of a sum in the order aligned with the split of K"},
    {"fastest us", "us", "time of a sum by the fastest algorithm"},
    {"fastest", "", "which algorithm that is"},
    {"over fastest", "1", "time of the aligned order over that of the fastest"},
    {"log overlapped", "", "a step computes while the last one's sum runs"},
    /* C1, C2, C6, C7, C9 */
    {"bytes", "bytes", "of a rank's buffer"},
    {"per node", "1", "ranks of a simulated node"},
    {"slow node", "1", "whose wires have half the bandwidth; -1: none"},
    {"alpha", "us", "time of a sum of nothing, fitted"},
    {"beta", "bytes/s", "bytes of a rank's buffer over the time that they add, fitted"},
    {"least", "us", "communication time of a step in which nobody waited, median"},
    {"model", "us", "that, by theory in simulation, by the fitted line elsewhere"},
    {"residual", "1", "least over model, less 1"},
    {"unlogged", "1", "of a step: what is in no rank's computing or communication"},
    {"kind", "", "who is late: none, one rank, all in turn, rare; or what lateness is drawn from"},
    {"delay", "us", "added to the computing of a rank that is late"},
    {"chance", "1", "that a rank is late in a step"},
    {"jitter", "us",
     "of every rank: mean of the exponential, deviation of the normal distribution"},
    {"sends again", "", "whether what carries messages can send one again"},
    {"step", "us", "from the begin of computing to the end of the sum, median"},
    {"added", "us", "to the step, over the steps in which nobody is late"},
    {"added over delay", "1", "what a stall adds to the step, over the stall"},
    {"least added", "us", "to the least communication time by a late rank"},
    {"message", "us", "of the least communication time, for each message in a row"},
    {"slope", "1", "of the step over the stall, all stalls of a kind"},
    {"floor", "us", "the same steps twice differ by at most so much: the noise floor"},
    {"steps", "1", "recorded, or simulated"},
    {"wall", "s", "from the start of the engine to its end"},
    {"peak", "bytes", "of memory of the simulating process, at most"},
    {"mean", "us", "of the steps"},
    {"p50", "us", "of the steps"},
    {"p95", "us", "of the steps"},
    {"p99", "us", "of the steps"},
    {"max", "us", "of the steps"},
    {"stalled part", "1", "of the slowest hundredth of the steps: those with a stalled rank"},
    {"late part", "1", "of what these take beyond the median: because a rank computed longer"},
    {"simulated", "us", "mean of the simulated steps beyond computing and an undisturbed sum"},
    {"unexplained", "1", "of a simulated step by its own draws, at most"},
    {"drawn steps", "1", "whose slowest rank was drawn, without a simulation"},
    {"drawn", "us", "lateness of the slowest rank, mean over those steps"},
    {"expected", "us", "of that, by theory"},
    {"drawn over expected", "1", "mean over expectation"},
    {"amplification", "1", "what all lose over what the rank itself loses, in the mean"},
    {"in a group", "1", "ranks that sum inside, before the sum across"},
    {"culprit", "1", "the rank that is late; -1: none"},
    {"late", "", "never, once, always"},
    {"group", "1", "which group"},
    {"has culprit", "", "whether the late rank is in it"},
    {"inner added", "us", "to the sum inside the group, in the step of the stall"},
    {"outer added", "us", "to the sum across groups, in the step of the stall"},
    {"next added", "us", "to the step after it"},
    {"group named", "1", "by the waits across groups; -1: none, -2: several"},
    {"rank named", "1", "by the waits inside that group; -1: none, -2: several"},
};

static const struct table_spec tables[] = {
    {"sums", "05/sum/",
     "engine; ranks; algorithm; per node; slow node; bytes; least, low, high = least~; model; "
     "residual, rlow, rhigh = residual~; unlogged, ulow, uhigh = unlogged~",
     .sort = "engine;ranks;algorithm;per node;slow node;bytes"},
    {"stalls", "05/stall/",
     "engine; ranks; kind; delay; added, low, high = added~; over, olow, ohigh = added over "
     "delay~; step, slow, shigh = step~; oversubscribed",
     .where = "bytes=4096", .sort = "engine;ranks;kind;delay"},
    {"again", "05/stall/",
     "engine; ranks; bytes; delay; least, low, high = least~; added, alow, ahigh = least added~; "
     "message; oversubscribed",
     .where = "bytes=262144", .sort = "engine;ranks;delay"},
    {"slopes", "05/slope/", "engine; ranks; kind; slope, low, high = slope~; floor; oversubscribed",
     .sort = "engine;ranks;kind"},
    {"rare", "05/rare/",
     "engine; ranks; kind; delay; chance; steps; mean; p50; p95; p99; max; stalled part; late part",
     .sort = "engine;ranks;delay"},
    {"runs", "05/run/", "engine; ranks; steps; bytes; wall; MiB = peak / 1048576",
     .sort = "engine;ranks"},
    {"many", "05/many/",
     "kind; ranks; steps; simulated; unexplained; drawn steps; drawn, low, high = drawn~!; "
     "expected; over, olow, ohigh = drawn over expected~; amplification, alow, ahigh = "
     "amplification~",
     .sort = "kind;ranks"},
    {"spread", "05/spread/",
     "engine; ranks; in a group; late; culprit; group; has culprit; inner, ilow, ihigh = inner "
     "added~; outer, olow, ohigh = outer added~; step, slow, shigh = added~; next, nlow, nhigh = "
     "next added~",
     .sort = "engine;late;culprit;group"},
};

const struct lab lab = {
    .number = 5,
    .name = "nccl-straggler",
    .question = "How does one slow rank become everybody's plan?",
    .needs = "Open MPI, SimGrid; GPUs and NCCL if there are any",
    .takes = "quick 60 s, default 5 min on two cores",
    .bits_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_CUDA),
    .time_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_CUDA),
    .claims = claims,
    .claim_count = sizeof claims / sizeof *claims,
    .quantities = quantities,
    .quantity_count = sizeof quantities / sizeof *quantities,
    .tables = tables,
    .table_count = sizeof tables / sizeof *tables,
};
