/*
 * Lab 04, paged KV residency: same shape, same free memory: why a different step time?
 *
 * A decode step asks for the same bytes whatever the block map is. The lab first shows that the
 * map changes no byte and no bit; then takes maps from allocators that were used, and asks what
 * they cost, where that cost comes from, and which controls it survives. README.md tells the same
 * story in words.
 */
#include "labs/04-paged-kv-residency/timed.h"

#define ON_GPU LAB_ON(DEVICE_CUDA)

static const struct claim claims[] = {
    {"K1", "A decode step reads 2·B·L·H·D·s bytes of keys and values.",
     .refuted_by = "loads that are not that, as where each query head loads its keys",
     .on = CLAIM_BITS, .only = LAB_ON(DEVICE_SIMT), .cases = "04/bytes/", .sweep = sweep_bytes,
     .check = check_bytes},
    {"K9",
     "Map, layout and block size never change a bit of the output; a number of splits that the "
     "batch decides does.",
     .refuted_by = "two results of one content, and one result from other numbers of splits",
     .on = CLAIM_BITS, .cases = "04/bits/ 04/same/ 04/batch/ 04/refusal/", .sweep = sweep_bits,
     .check = check_bits},
    {"K6", "Lanes of one warp see different latencies, and the warp waits for the slowest.",
     .refuted_by = "one cold lane among n that costs a hop less than half of what a cold hop costs",
     .on = CLAIM_TIME, .cases = "04/lanes/", .sweep = sweep_ladder, .check = check_lanes},
    {"K8",
     "Contiguous allocation wastes memory inside and outside; fixed-size blocks remove the outside "
     "waste and shrink the inside one to under a block per sequence.",
     .refuted_by = "blocks that refuse a request that fits, and ranges that waste nothing",
     .on = CLAIM_BITS, .once = true, .cases = "04/waste/", .sweep = sweep_churn,
     .check = check_waste},
    {"K4", "Scattered KV blocks cost more than contiguous ones.",
     .refuted_by = "a permuted map as fast as the identity map, whatever the block and the pages",
     .on = CLAIM_TIME, .cases = "04/gather/ 04/ladder/", .sweep = sweep_gather,
     .check = check_scatter},
    {"K2", "Decode is bound by memory, not by arithmetic.",
     .refuted_by = "steps that take longer than their gather and are no faster in cache",
     .on = CLAIM_TIME, .cases = "04/decode/", .sweep = sweep_decode, .check = check_bound},
    {"K3", "When less of the KV cache survives in the last-level cache, the step takes longer.",
     .refuted_by = "a step as fast after other memory was read as right after itself",
     .on = CLAIM_TIME, .cases = "04/stream/", .sweep = sweep_stream, .check = check_residency},
    {"K7", "Stalled warps keep registers live, and pressure leads to spills.",
     .refuted_by = "registers and spills that are the same while the step's time is not",
     .on = CLAIM_TIME, .only = ON_GPU, .cases = "04/resources/", .sweep = sweep_spills,
     .check = check_spills},
    {"K5",
     "Replicas of one shape and the same free memory differ in step time, because their block maps "
     "differ.",
     .refuted_by = "differences that swapping samples among maps gives too, where 5 % would show",
     .on = CLAIM_TIME, .cases = "04/replica/", .sweep = sweep_replicas, .check = check_replicas},
    {"K10",
     "A step's time is compute, missed bytes over bandwidth, and translation: fitted on some maps, "
     "that predicts others.",
     .refuted_by = "maps held out that are predicted no better than by their bytes alone, or by "
                   "more than a tenth amiss",
     .on = CLAIM_TIME, .cases = "04/cost/", .sweep = sweep_cost, .check = check_cost_model},
};

static const struct quantity quantities[] = {
    /* Steps, wherever they are. */
    {"what", "", "what a case of a contest is: a step, a reader"},
    {"plan", "", "the plan of a step"},
    {"op", "", "what a step does: attention, gather, walk"},
    {"layout", "", "the order inside a block"},
    {"element", "", "the type of keys, values and queries"},
    {"rule", "", "who decides the number of splits"},
    {"map", "", "where the blocks lie"},
    {"arm", "", "what is changed beside the plan and the map"},
    {"block", "tokens", "in a block; 0: a slab"},
    {"block bytes", "bytes", "of keys in a block; 0: a slab"},
    {"batch", "1", "sequences"},
    {"sequences", "1", "in the batch"},
    {"tokens", "tokens", "of each sequence"},
    {"heads", "1", "of keys and values"},
    {"kv heads", "1", "of keys and values"},
    {"channels", "1", "of a head"},
    {"group", "1", "query heads for each KV head"},
    {"splits", "1", "of a sequence's tokens, or the most of them"},
    {"splits taken", "1", "of a sequence's tokens"},
    {"processors", "1", "that the rule for splits counts with"},
    {"bytes", "bytes", "of keys and values that a step loads, or of memory that is read"},
    {"unique bytes", "bytes", "distinct ones among them: shared blocks once"},
    {"flops", "flop", "of a step"},
    {"pool bytes", "bytes", "of keys and values that the pool holds"},
    {"pages", "", "behind the keys and values: 4k, 2m, any, or a device's own"},
    {"threads", "1", "of the CPU"},
    {"prefetch", "", "how a CPU asks ahead"},
    {"state", "", "warm: the step ran just before; cold: other memory was read in between"},
    {"read before", "bytes", "of other memory that is read before a sample"},
    {"kernel", "", "of a reader"},
    {"unique bytes per second", "bytes/s", "of a step, shared blocks once"},
    /* K1 */
    {"element bytes", "bytes", "of a key's or a value's number"},
    {"shared blocks", "1", "that all sequences have in common"},
    {"loaded", "bytes", "by the kernel, counted load by load"},
    {"loaded distinct", "bytes", "of it, each address once"},
    {"stored", "bytes", "by the kernel"},
    {"loaded of other things", "bytes", "queries, table and lengths"},
    {"kv loaded", "bytes", "of keys and values"},
    {"kv formula", "bytes", "2·B·L·H·D·s"},
    {"kv distinct", "bytes", "of keys and values, shared blocks once"},
    /* K9 */
    {"measured", "bits", "hash of the output"},
    {"predicted", "bits", "hash of the output that the model says"},
    {"other poison", "bits", "hash with other numbers in all that the table does not name"},
    {"outputs", "1", "numbers of the output"},
    {"equal", "1", "of them, with the predicted bits"},
    {"inside", "1", "of them, inside the float64 bound"},
    {"poisoned", "1", "numbers of the cache that no token owns"},
    {"values", "", "the part of the plan that decides the bits"},
    {"fault", "", "what is wrong with a table"},
    {"message", "", "with which it is refused"},
    {"accepted before", "1", "1: the table was accepted without the fault"},
    {"refused", "1", "1: with it, it is refused in one line; of waste: steps"},
    {"shared as expected", "1", "1: accepted with sharing allowed, just if it may be"},
    /* K6 */
    {"curve", "", "the line of a plot that a chase belongs to"},
    {"mode", "", "what that plot shows"},
    {"chains", "", "how many, and how they go on"},
    {"joined by", "", "what makes chains wait for each other"},
    {"range", "bytes", "of addresses that a chase goes through"},
    {"cold", "1", "chains in a range that no cache holds"},
    {"places", "1", "that a chase visits"},
    {"huge bytes", "bytes", "of its memory in 2 MiB pages"},
    {"hops", "1", "of a call"},
    {"seconds per hop", "s", "time of a hop"},
    {"cycles per hop", "cycles", "of the device's clock"},
    {"comparison", "", "a curve, and the one in which one thing is changed"},
    {"over its control", "1", "time over that one's"},
    /* K8 */
    {"policy", "", "which free block an allocator takes next"},
    {"share", "1", "of the requests begin with a shared prefix"},
    {"turnovers", "1", "how often the pool was given out before"},
    {"seed", "1", "of the workload"},
    {"blocks", "1", "of the batch"},
    {"pool blocks", "1", "of the pool"},
    {"free blocks", "1", "of the pool, beside the batch"},
    {"runs", "1", "stretches of consecutive blocks"},
    {"run mean", "blocks", "length of a run"},
    {"run median", "blocks", "length of a run"},
    {"run longest", "blocks", "length of a run"},
    {"map pages", "1", "distinct 2 MiB pages that a map touches"},
    {"pages over ideal", "1", "over the fewest that hold the batch"},
    {"jump mean", "bytes", "from a block's end to the next one's start"},
    {"page switches", "1", "share of steps from block to block into another 2 MiB page"},
    {"allocator", "", "blocks, or contiguous ranges by their fit"},
    {"block tokens", "tokens", "of a block"},
    {"slots", "tokens", "that the memory holds"},
    {"steps", "1", "of the trace"},
    {"inner mean", "1", "slots taken without a token, over slots taken"},
    {"inner worst", "1", "of all steps"},
    {"outer mean", "1", "free slots that the request in wait could not get, over all slots"},
    {"outer worst", "1", "of all steps"},
    {"inner per sequence", "tokens", "slots taken without a token"},
    {"running mean", "1", "requests in memory"},
    {"tokens mean", "1", "tokens in memory, over all slots"},
    {"finished", "1", "requests"},
    {"refused by holes", "1",
     "steps in which the next request did not fit, though enough was free"},
    /* K4, K2, K3 */
    {"width", "", "wide: eight heads of f32; narrow: one of bf16"},
    {"place", "1", "of a map on a plot's axis"},
    {"kv", "", "the keys and values of a step, as a plot calls them"},
    {"flop per byte", "flop/byte", "of keys and values"},
    {"over slab", "1", "time over the contiguous slab's"},
    {"over identity", "1", "time over the identity map's"},
    {"over gather", "1", "time over the gather's of the same bytes"},
    {"over one split", "1", "time over one split's"},
    {"speed over in cache", "1", "speed over that of keys and values in cache, by the byte"},
    {"over nothing streamed", "1", "time over that with nothing read before"},
    {"over warm", "1", "speed over that with keys and values in cache"},
    {"warps", "1", "of a gather"},
    /* K7 */
    {"registers per thread", "1", "as the driver reports them"},
    {"local bytes per thread", "bytes", "as the driver reports them: spills"},
    /* K5 */
    {"kind", "", "churned: an allocator's use has left it; twin: once more; made"},
    {"over itself", "1", "time of a twin over its replica's"},
    {"map runs", "1", "stretches of consecutive blocks in the map"},
    {"map run mean", "blocks", "length of a run"},
    {"map switches", "1", "share of steps from block to block into another 2 MiB page"},
    /* K10 */
    {"use", "", "whether the model is fitted to a step, or held against it"},
    {"walks", "1", "blocks whose line of the page table is not among the last 512"},
    {"over its twin", "1", "time over that of the same step, entered twice"},
};

static const struct kernels_used kernels[] = {
    {"04/", "kv_pool/ paged_attention/ roofs/"},
    {"04/churn/", "kv_pool/ serving/"},
    {"04/waste/", "kv_pool/ serving/"},
    {"04/ladder/", "chase/"},
    {"04/lanes", "chase/"},
};

static const struct table_spec tables[] = {
    {"bytes", "04/bytes/",
     .columns = "plan; batch; tokens; heads; shared = shared blocks; other = loaded of other "
                "things; kv = kv "
                "loaded; formula = kv formula; distinct = kv distinct"},
    {"batch", "04/batch/", "device\trule\tbatch\tsplits\tresult\thash", .write = write_batch},
    {"same", "04/same/", .columns = "device; values; map; layout; block; hash = measured"},
    {"churn", "04/churn/",
     "policy\tshared\tturnovers\truns\trun mean\trun median\trun longest\tpages\tpages over ideal\t"
     "jump bytes\tpage switches",
     .write = write_churn},
    {"waste", "04/waste/",
     "allocator\tposition\tslots\tpercent\tfrom\tto\tinside per sequence\trunning\tfinished\t"
     "refused by holes",
     .write = write_waste},
    {"ladder", "04/ladder/",
     .columns = "device; mode; curve; range; places; ns, low, high = seconds per hop / 1e-9~; huge "
                "bytes"},
    {"page-size", "04/ladder/",
     .columns = "device; curves = comparison; range; ratio, low, high = over its control~!"},
    {"controls", "04/ladder/",
     "device\tfrom KiB\tto KiB\t4 KiB pages\t2 MiB pages\tpacked\tverdict",
     .write = write_controls},
    {"lanes", "04/lanes/",
     .columns = "device; chains; lanes = plan.lanes; cold; ns, low, high = seconds per hop / "
                "1e-9~"},
    {"decode", "04/decode/roof/",
     .columns = "device; element; op; map; mib = bytes / 1048576; gbps = bytes per second / 1e9; "
                "roof, low, high = roof fraction~; over slab, slab low, slab high = over slab~; "
                "over gather, gather low, gather high = over gather~",
     .where = "what=step"},
    {"prefetch", "04/decode/prefetch/",
     .columns = "device; map; prefetch; roof, low, high = roof fraction~", .where = "what=step"},
    {"shape", "04/decode/shape/",
     .columns = "device; map; batch; tokens; roof, low, high = roof fraction~",
     .where = "what=step"},
    {"group", "04/decode/group/",
     .columns = "device; element; place = arm; group; flop per byte; gbps = bytes per second / "
                "1e9; over gather, low, high = over gather~",
     .where = "op=attention"},
    {"splits", "04/decode/splits/",
     .columns = "device; batch; rule; splits = splits taken; ms = @median / 1e-3; over one split, "
                "low, high = over one split~"},
    {"ways", "04/prefetch/", .columns = "device; op; prefetch; ms, low, high = @median / 1e-3~"},
    {"maps", "04/gather/map/",
     .columns = "device; width; op; pages; map; place; gbps = unique bytes per second / 1e9; over "
                "slab, low, high = over slab~!; cost, cost low, cost high = over identity~"},
    {"blocks", "04/gather/block/",
     .columns = "device; width; pages; block; bytes = block bytes; cost, low, high = over "
                "identity~!; over slab, slab low, slab high = over slab~",
     .where = "map=permuted"},
    {"layouts", "04/gather/layout/",
     .columns = "device; op; layout; map; over slab, low, high = over slab~!"},
    {"pools", "04/gather/pool/",
     .columns = "device; pool MiB = pool bytes / 1048576; state; map; gbps = unique bytes per "
                "second / 1e9; cost, low, high = over identity~",
     .where = "op=gather"},
    {"walk", "04/gather/",
     .columns = "device; width; pool MiB = pool bytes / 1048576; state; us = @median / 1e-6; "
                "percent, low, high = over gather / 0.01~!",
     .where = "op=walk"},
    {"cycles", "04/gather/map/", "device\tmap\tcycles\twarps", .where = "pages=device",
     .write = write_cycles},
    {"stream", "04/stream/",
     .columns = "device; kv; streamed = read before / 1048576; us = @median / 1e-6; cost, low, "
                "high = over nothing streamed~"},
    {"resources", "04/resources/",
     .columns =
         "device; plan; state; registers = registers per thread!; local bytes = local bytes per "
         "thread"},
    {"replicas", "04/replica/",
     "device\tpages\tkind\tpolicy\tname\tposition\tms\tlow\thigh\tmap pages\tmap runs\tmap "
     "switches",
     .write = write_replicas},
    {"cost", "04/cost/",
     "device\tpages\tuse\tmap\tMiB\tdistinct MiB\twalks\tms\tlow\thigh\tpredicted",
     .write = write_cost},
};

const struct lab lab = {
    .number = 4,
    .name = "paged-kv-residency",
    .question = "Same shape, same free memory: why a different step time?",
    .needs = "a CPU; a GPU if there is one",
    .takes = "quick 45 s, default 4 min on two cores",
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
    .predict = predict_bits,
};
