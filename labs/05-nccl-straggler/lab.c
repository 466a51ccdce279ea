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

/* Bits of engines are checked wherever engines run, though without a GPU a run checks others on the
 * SIMT machine. */
#define ON_ALL (CLAIM_BITS | CLAIM_TIME)

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
    {"C3",
     "A stall of 1.2 ms on one of 8 ranks doubles the time that all of them take to synchronise.",
     .refuted_by = "steps less than 1.8 or more than 2.2 times as long, whatever a step takes",
     .on = CLAIM_TIME, .only = ON_ENGINES, .cases = "05/engine/ 05/essay/", .sweep = sweep_essay,
     .check = check_essay},
    {"C4",
     "A longer step makes the scheduler cut the batch, the queue grows, who was cut comes back in "
     "a burst: one rank's stall becomes everybody's new shape and plan.",
     .refuted_by = "a batch as large as without the stall, or of the same shape class and plan, "
                   "after every step that it made longer",
     .on = CLAIM_TIME, .only = ON_ENGINES, .cases = "05/engine/ 05/chain/", .sweep = sweep_chain,
     .check = check_chain},
    {"C5a", "All ranks agree, bit for bit, within one sum.",
     .refuted_by = "two ranks with different bits after one sum", .on = ON_ALL,
     .cases = "05/engine/ 05/bits/ 05/aligned/", .sweep = sweep_bits, .check = check_agree},
    {"C5b", "The order inside a sum is fixed: a stall alone never changes its bits.",
     .refuted_by = "a sum with a late rank that has other bits than with nobody late", .on = ON_ALL,
     .cases = "05/engine/ 05/bits/", .sweep = sweep_bits, .check = check_stalls},
    {"C5c",
     "Algorithm, ranks and message size fix the order: given them, the bits are predicted. That "
     "they repeat from run to run is one property, that they do not depend on the size another.",
     .refuted_by = "two results of one algorithm, number of ranks and size; two engines that add "
                   "by recursive doubling and differ",
     .on = ON_ALL, .cases = "05/engine/ 05/bits/", .sweep = sweep_bits, .check = check_orders},
    {"C5d",
     "A tree that is aligned with the split of K gives one result for 1, 2, 4 and 8 ranks; it has "
     "a price.",
     .refuted_by = "two results of it, or no message for which another algorithm is faster",
     .on = ON_ALL, .cases = "05/engine/ 05/aligned/ 05/price/", .sweep = sweep_bits,
     .check = check_aligned},
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
    {"C8",
     "A rank short of workspace runs a slower kernel, the sum waits, the next batch differs, and "
     "more ranks fall back.",
     .refuted_by = "the same kernel; one as fast; peers that wait for less than 3/4 or more than "
                   "5/4 of it; another rank named, or none; the same batches; no more fallbacks",
     .on = CLAIM_TIME, .only = ON_ENGINES, .cases = "05/engine/ 05/workspace/",
     .sweep = sweep_cause, .check = check_cause},
    {"C9", "A late rank makes the library send messages again (retransmit).",
     .refuted_by = "communication that nobody waits in, no longer with a late rank, over a network",
     .on = CLAIM_TIME, .only = ON_ENGINES, .cases = "05/engine/ 05/stall/", .sweep = NULL,
     .check = check_retransmission},
    {"C10",
     "Who waits less than its peers is the straggler; the ranks that take long are its victims.",
     .refuted_by =
         "the late rank missed, another one named, or the slowest rank being the late one",
     .on = CLAIM_TIME, .only = ON_ENGINES, .cases = "05/engine/ 05/league/", .sweep = sweep_league,
     .check = check_league},
    {"C11", "The step without the straggler can be told from the log with it.",
     .refuted_by = "predictions that are over 3 % off", .on = CLAIM_TIME, .only = ON_ENGINES,
     .cases = "05/engine/ 05/without/", .sweep = sweep_league, .check = check_without},
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
    {"doubling over fastest", "1", "time of recursive doubling over that of the fastest"},
    {"over fastest", "1", "time of the aligned order over that of the fastest"},
    {"log overlapped", "", "a step computes while the last one's sum runs"},
    {"log round", "1", "steps in a row; then other ones ran"},
    {"log floor", "us", "lateness to be expected with nobody late; 0: each log tells its own"},
    {"log floor mean", "us", "the same of the mean of eight steps"},
    /* C1, C2, C6, C7, C9 */
    {"bytes", "bytes", "of a rank's buffer"},
    {"per node", "1", "ranks of a simulated node"},
    {"slow node", "1", "whose wires have half the bandwidth; -1: none"},
    {"alpha", "us", "time of a sum of nothing, fitted"},
    {"beta", "bytes/s", "bytes of a rank's buffer over the time that they add, fitted"},
    {"least", "us", "communication time of a step in which nobody waited, median"},
    {"sum time", "us",
     "of ranks of which none is late: the least of theirs; simulated: the longest"},
    {"model", "us", "that, by theory in simulation, by the fitted line elsewhere"},
    {"residual", "1", "sum time over model, less 1"},
    {"unlogged", "1", "of a step: what is in no rank's computing or communication"},
    {"kind", "", "who is late: none, one rank, all in turn, rare; or what lateness is drawn from"},
    {"delay", "us", "added to the computing of a rank that is late"},
    {"chance", "1", "that a rank is late in a step"},
    {"jitter", "us",
     "of every rank: mean of the exponential, deviation of the normal distribution"},
    {"sends again", "", "whether what carries messages can send one again"},
    {"step", "us", "from the begin of computing to the end of the sum, median"},
    {"wasted", "us", "all ranks' waits in a step together (rank-seconds), median"},
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
    /* C3, C4 */
    {"overlap", "", "a sum is waited for at once (blocking), or after the next step's computing"},
    {"step over normal", "1", "a step with a stall over the same without"},
    {"predicted ratio", "1", "of that: (T0 + D)/T0"},
    {"sum over normal", "1", "the others' time in the sum over the same without"},
    {"batcher", "", "who decides how large a batch may be"},
    {"requests", "", "calm: 32 equal ones; churning: they come and go"},
    {"round", "1", "which round of the run"},
    {"normal step", "us", "computing of a calm batch with nobody late, the longest"},
    {"budget", "us", "of a step, beyond which the batch is cut; 0: there is none"},
    {"restore", "1", "steps within the budget after which a cut batch is whole again"},
    {"nth", "1", "which step of the round"},
    {"step us", "us", "as the scheduler saw it"},
    {"step us without", "us", "with nobody late"},
    {"others us", "us", "time in the sum, median of the ranks that are not late"},
    {"others us without", "us", "with nobody late"},
    {"rows", "1", "requests in the batch"},
    {"rows without", "1", "with nobody late"},
    {"waiting", "1", "requests in the queue"},
    {"waiting without", "1", "with nobody late"},
    {"joined", "1", "requests that joined for the step"},
    {"joined without", "1", "with nobody late"},
    {"marker", "", "of the fabric: normal; congested, ranks wait; degraded, the network is slow"},
    {"comm p50", "us", "communication of all ranks, over 8 steps: median"},
    {"comm p95", "us", "95th percentile"},
    {"comm p99", "us", "99th percentile"},
    {"skew", "us", "largest difference of two ranks' communication in one of these steps"},
    {"comm rate", "bytes/s", "of a rank's buffer over the communication that nobody waits in"},
    {"cut", "1", "requests that were cut before the step"},
    {"class", "", "shape class of the batch"},
    {"class without", "", "with nobody late"},
    {"plan", "", "splits of attention, by FlashAttention's rule"},
    {"plan without", "", "with nobody late"},
    {"same requests", "", "the same ones in the same rows as with nobody late"},
    {"rank", "1", "member of the sum"},
    {"begins", "us", "to compute, by the rank's own clock, from the end of an earlier sum"},
    {"waits from", "us", "when the rank entered the sum"},
    {"sums from", "us", "when the last one had"},
    {"ends", "us", "when it left the sum"},
    {"group named", "1", "by the waits across groups; -1: none, -2: several"},
    {"rank named", "1", "by the waits inside that group; -1: none, -2: several, -3: unknown"},
    /* C8 */
    {"variant", "", "implementation of a product; of the culprit"},
    {"others' variant", "", "implementation of the other rank's product"},
    {"asks for", "bytes", "workspace beside the operands"},
    {"largest piece", "bytes", "of that, what has to lie together"},
    {"gemm rows", "1", "rows of a product's result: the batch"},
    {"gemm n", "1", "columns of a product's result"},
    {"gemm k", "1", "numbers in a sum of products"},
    {"limit", "",
     "what the culprit has of the workspace that the preferred implementation asks for"},
    {"workspace", "bytes", "of the culprit"},
    {"piece", "bytes", "of the culprit's workspace that lie together"},
    {"computes", "us", "the culprit, median"},
    {"others compute", "us", "the other rank, median"},
    {"others wait", "us", "the other rank in the sum, median"},
    {"over ample", "1", "the culprit's computing over that with workspace for all"},
    {"step over ample", "1", "everybody's step over that with workspace for all"},
    {"wait over fallback", "1",
     "what the other rank waits more over what the culprit takes longer"},
    {"batches cut", "1", "steps with fewer rows than may be"},
    {"rows kept", "1",
     "rows a second while the culprit is short, over those with workspace for all"},
    {"batches differ", "1",
     "steps with another batch than with workspace for all, beyond those where "
     "both have it"},
    {"classes differ", "1", "steps of another shape class, beyond those where both have it"},
    {"fell back", "1", "products of the culprit by what is not preferred for so many rows"},
    {"others fell back", "1", "the same of the other rank"},
    {"others fell back ample", "1", "the same of the other rank, with workspace for all"},
    /* C10, C11 */
    {"jitter kind", "", "of computing: the machine's own, or made"},
    {"window", "1", "steps that a rule judges at once"},
    {"steps left out", "1", "of them, in which the machine itself made a rank late"},
    {"rule", "", "that says who is late"},
    {"windows", "1", "that the rule judged"},
    {"windows late", "1", "in which a rank was made late"},
    {"windows right", "1", "of these, in which just those were named"},
    {"alarms", "1", "windows with nobody late and a name"},
    {"cannot tell", "1", "windows in which the rule could not tell"},
    {"culprits", "1", "names of ranks that were late, over the windows"},
    {"victims", "1", "names of ranks that were not"},
    {"missed", "1", "late ranks that were not named"},
    {"precision", "1", "culprits among the names"},
    {"recall", "1", "named among the late"},
    {"latency", "1", "steps from the first stall until just the late are named"},
    {"made late", "1", "ranks that were made late"},
    {"named", "1", "ranks that least wait names"},
    {"with us", "us", "mean step in the log"},
    {"predicted us", "us", "mean step without the straggler, from that log"},
    {"measured us", "us", "mean step of the arm with nobody late, in the same round"},
};

/* Processes and simulated ranks are programs of their own (kernels/ranks/program), of which a lab's
 * executable knows no code. */
static const struct kernels_used kernels[] = {
    {"05/", "allreduce/allreduce.cu ranks/ranks_gpu.cu"},
};

static const struct table_spec tables[] = {
    {"sums", "05/sum/",
     "engine; ranks; algorithm; per node; slow node; bytes; took, low, high = sum time~; model; "
     "residual, rlow, rhigh = residual~; unlogged, ulow, uhigh = unlogged~; oversubscribed",
     .sort = "engine;ranks;algorithm;per node;slow node;bytes"},
    {"stalls", "05/stall/",
     "engine; ranks; kind; delay; added, low, high = added~; over, olow, ohigh = added over "
     "delay~; step, slow, shigh = step~; wasted, wlow, whigh = wasted~; oversubscribed",
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
    {"essay", "05/essay/",
     "engine; ranks; overlap; late; step; ratio, low, high = step over normal~; predicted ratio; "
     "sum over normal, slow, shigh = sum over normal~; oversubscribed",
     .sort = "engine;ranks;overlap;late;step"},
    {"sentences", "05/chain/",
     "engine\tranks\trequests\tbatcher\toverlap\tstep ms\trestore\tlate\tsentence\tback after\t"
     "differing again\tother requests\trows kept",
     .where = "round=0", .write = write_sentences},
    {"batches", "05/chain/",
     "engine; batcher; late; restore; nth; stall; ms = step us / 1000; rows; rows without; "
     "waiting; "
     "joined; class; class without; plan; plan without; marker; p50 = comm p50; p95 = comm p95; "
     "p99 "
     "= comm p99; skew; rate = comm rate",
     .where = "engine=smpi;requests=calm;overlap=at-once;normal step=7412;round=0"},
    {"timeline", "05/timeline/", "engine\tranks\tpart\trank\tstep\trows\tfrom ms\tto ms",
     .write = write_timeline},
    {"classes", "05/bits/openmpi/ 05/bits/smpi/", CLASSES, .write = write_classes},
    {"properties", "05/bits/", PROPERTIES, .write = write_properties},
    {"defaults", "05/bits/", "device; engine; ranks; n; found; invariant",
     .where = "algorithm=default", .sort = "device;engine;ranks;n"},
    {"virtual", "05/bits/simt/ 05/bits/cuda/", CLASSES, .write = write_classes},
    {"aligned", "05/aligned/", "device; engine; algorithm; setting; ranks; invariant; measured",
     .sort = "device;engine;algorithm;setting;ranks"},
    {"price", "05/price/",
     "device; engine; ranks; bytes; algorithm; fastest; aligned us; fastest us; over, low, high = "
     "over fastest~; doubling = doubling over fastest",
     .sort = "device;engine;ranks;bytes"},
    {"spread", "05/spread/",
     "engine; ranks; in a group; late; culprit; group; has culprit; inner, ilow, ihigh = inner "
     "added~; outer, olow, ohigh = outer added~; step, slow, shigh = added~; next, nlow, nhigh = "
     "next added~; oversubscribed",
     .sort = "engine;late;culprit;group"},
    {"ways", "05/workspace/ways/", "gemm rows; gemm n; gemm k; variant; asks for; largest piece"},
    {"workspace", "05/workspace/steady/",
     "engine; limit; workspace; piece; variant; computes, clow, chigh = computes~; others compute, "
     "olow, "
     "ohigh = others compute~; others wait, wlow, whigh = others wait~; step, slow, shigh = step~; "
     "rank named; oversubscribed"},
    {"answer", "05/workspace/serving/", "batcher\tlimit\tat\trows\tstep", .write = write_answer},
    {"fallbacks", "05/workspace/serving/",
     "engine; batcher; limit; budget; batches cut, cut low, cut high = batches cut~; batches "
     "differ, blow, "
     "bhigh = batches differ~; classes differ, clow, "
     "chigh = classes differ~; steps; fell back; others fell back; rows "
     "kept, klow, khigh = rows kept~"},
    {"league", "05/league/",
     "rule; engine; ranks; jitter = jitter kind; kind; delay; left out = steps left out; windows; "
     "windows "
     "late; windows right; alarms; "
     "cannot tell; precision; recall; latency; oversubscribed",
     .sort = "rule;engine;ranks;jitter kind;kind;delay"},
    {"league-map", "05/league/", "rule\twhere\tdelay\tx\ty\tshare\tright\twindows",
     .sort = "rule;engine;delay", .write = write_league_map},
    {"without", "05/without/",
     "engine\tranks\tjitter\toverlap\tkind\tdelay\twith us\tpredicted us\tmeasured us\t"
     "with over\tpredicted over\tlow\thigh\toversubscribed",
     .write = write_without},
};

const struct lab lab = {
    .number = 5,
    .name = "nccl-straggler",
    .question = "How does one slow rank become everybody's plan?",
    .needs = "Open MPI, SimGrid; GPUs and NCCL if there are any",
    .takes = "quick 60 s, default 5 min on two cores",
    .bits_devices = LAB_ON(DEVICE_CPU) | LAB_ON(DEVICE_SIMT) | LAB_ON(DEVICE_PTX) |
                    LAB_ON(DEVICE_SASS) | LAB_ON(DEVICE_CUDA),
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
