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

static const struct claim claims[] = {};

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
};

static const struct table_spec tables[] = {};

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
