/*
 * probe.c: `nanolab probe`: asks a device about what our predictions of its bits rest on.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/options.h"
#include "kernels/mma/mma_probe.h"
#include "kernels/ranks/ranks_gpu.h"
#include "kernels/simt/rules_probe.h"
#include "kernels/simt/simt.h"
#include "tools/probe_kernels.h"
#include "tools/probe_library.h"
#include "tools/probe_meter.h"
#include "tools/probe_nccl.h"

#define PROGRAM "nanolab probe"

static const char intro[] =
    "nanolab probe: does a device do what our predictions of its bits rest on?\n"
    "\n"
    "usage: nanolab probe rules [--device DEV]\n"
    "       nanolab probe matrix [--device DEV] [--checked] [--simt-arch CARD]\n"
    "       nanolab probe kernels [--device DEV] [--checked]\n"
    "       nanolab probe library [--device DEV] [--shapes N] [--seconds S]\n"
    "       nanolab probe nccl [--device DEV]\n"
    "       nanolab probe meter [--device DEV]\n"
    "\n"
    "rules: each place where a GPU's bits differ from what the same C gives on a CPU, one "
    "question\n"
    "after the other: the rule, the question, what is expected, the device's answer, and whether\n"
    "that is confirmed, contradicted, or was not seen (of what may happen, but need not).\n"
    "\n"
    "matrix: each matrix instruction on operands of several kinds, against the rule of the card:\n"
    "block, fraction bits, rounding, what a zero's exponent is. `evidence` says what the rule "
    "rested\n"
    "on before: measurements of others, or only a published model.\n"
    "\n"
    "kernels: jobs of every kernel family, so small that a checker around it is soon through, and\n"
    "whether they left the predicted bits, or, where the model has none, could be proved.\n"
    "\n"
    "library: matrix products of cuBLASLt over drawn shapes, and whether their bits are those "
    "that\n"
    "follow from what the library says of the algorithm it chose.\n"
    "\n"
    "nccl: NCCL as far as one GPU goes: starting, sums of one rank, a wait that ends at its\n"
    "deadline, an abort, and that it refuses two ranks on one GPU.\n"
    "\n"
    "meter: how a GPU's counter of energy moves, what multiply-adds draw by it and by the "
    "driver's\n"
    "account of power, and the clock meanwhile.\n"
    "\n"
    "All print JSON lines.\n"
    "\n";

static const char outro[] =
    "\nexit status: 0 nothing was contradicted or wrong; 1 something was; 2 usage; 77 no such\n"
    "device here.\n";

/* Returns json_object_set_new's status; bits as words, as wide as they are. */
static int set_bits(json_t *line, const char *name, uint64_t bits) {
    char text[24];
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)bits);
    return json_object_set_new(line, name, json_string(text));
}

static int print_answer(const struct device *device, const struct rules_question *q,
                        const struct rules_answer *answer) {
    const struct simt_rule *rule = &simt_rules[q->rule];
    json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "rule", rule->name, "says", rule->text,
                             "question", q->text, "device", device_id(device));
    int status = !line || set_bits(line, "expected", q->expected) ||
                         set_bits(line, "answer", answer->bits) ||
                         json_object_set_new(line, "outcome",
                                             json_string(rules_outcome_name(answer->outcome))) ||
                         json_dumpf(line, stdout, 0) || putchar('\n') == EOF
                     ? -1
                     : 0;
    json_decref(line);
    return status;
}

static int complain(const char *what) {
    fprintf(stderr, PROGRAM ": %s\n", what);
    return EXIT_BROKEN;
}

static int probe_rules(struct device *device) {
    size_t count, outcomes[3] = {0};
    const struct rules_question *questions = rules_questions(&count);
    for (size_t k = 0; k < count; k++) {
        struct rules_answer answer;
        if (rules_ask(device, false, &questions[k], &answer) != 0)
            return complain(device_error());
        if (print_answer(device, &questions[k], &answer) != 0)
            return complain("standard output cannot be written; check where it goes");
        outcomes[answer.outcome]++;
    }
    fprintf(stderr,
            PROGRAM ": %s: %zu questions about %d rules: %zu confirmed, %zu contradicted, "
                    "%zu not seen\n",
            device_id(device), count, SIMT_RULES, outcomes[RULES_CONFIRMED],
            outcomes[RULES_CONTRADICTED], outcomes[RULES_NOT_SEEN]);
    return outcomes[RULES_CONTRADICTED] ? EXIT_BROKEN : EXIT_DONE;
}

static const char *evidence_name(const struct mma_rule *rule, enum mma_probe_data data) {
    return rule->evidence == MMA_MEASURED && mma_probe_measured(data) ? "measured" : "published";
}

static int print_matrix(const struct device *device, const struct mma_probe_instruction *q,
                        enum mma_probe_data data, const struct mma_probe_answer *answer) {
    bool wrong = answer->differ > 0;
    json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "instruction", q->name, "device",
                             device_id(device), "data", mma_probe_data_name(data), "outcome",
                             !answer->rule ? "not here"
                             : wrong       ? "contradicted"
                                           : "confirmed");
    if (line && answer->rule) {
        json_object_set_new(line, "arch", json_string(answer->rule->arch));
        json_object_set_new(line, "evidence", json_string(evidence_name(answer->rule, data)));
        json_object_set_new(line, "sums", json_integer((json_int_t)answer->sums));
        json_object_set_new(line, "differ", json_integer((json_int_t)answer->differ));
    }
    if (line && answer->last_expected) {
        json_object_set_new(line, "last", json_integer(answer->last));
        json_object_set_new(line, "last_expected", json_integer(answer->last_expected));
    }
    if (line && wrong) {
        char text[2][40];
        snprintf(text[0], sizeof text[0], "%a", (double)answer->got);
        snprintf(text[1], sizeof text[1], "%a", (double)answer->expected);
        json_object_set_new(line, "answer", json_string(text[0]));
        json_object_set_new(line, "expected", json_string(text[1]));
    }
    int status = !line || json_dumpf(line, stdout, 0) || putchar('\n') == EOF ? -1 : 0;
    json_decref(line);
    return status;
}

static int probe_matrix(struct device *device, bool checked) {
    size_t count, asked = 0, wrong = 0, lacking = 0;
    const struct mma_probe_instruction *all = mma_probe_instructions(&count);
    size_t tiles = device_kind(device) == DEVICE_CUDA ? 2048 : 8;
    for (size_t i = 0; i < count; i++)
        for (int data = 0; data < MMA_PROBE_DATA; data++) {
            struct mma_probe_answer answer;
            if (mma_probe_ask(device, checked, &all[i], (enum mma_probe_data)data, tiles, 1, NULL,
                              &answer) != 0)
                return complain(device_error());
            if (print_matrix(device, &all[i], (enum mma_probe_data)data, &answer) != 0)
                return complain("standard output cannot be written; check where it goes");
            asked += answer.rule != NULL;
            lacking += answer.rule == NULL;
            wrong += answer.differ > 0;
            if (!answer.rule)
                break;
        }
    fprintf(stderr,
            PROGRAM ": %s (%s): %zu questions about matrix instructions: %zu contradicted; %zu of "
                    "%zu instructions are not here\n",
            device_id(device), device_model(device), asked, wrong, lacking, count);
    return wrong ? EXIT_BROKEN : EXIT_DONE;
}

static int probe_all_kernels(struct device *device, bool checked) {
    struct probe p = {.device = device, .checked = checked};
    probe_kernels(&p);
    fprintf(stderr, PROGRAM ": %s: %zu jobs: %zu wrong\n", device_id(device), p.jobs, p.wrong);
    return p.wrong ? EXIT_BROKEN : EXIT_DONE;
}

static int probe_the_library(struct device *device, uint64_t shapes, uint64_t seconds) {
    struct library_total t;
    size_t version;
    if (device_kind(device) != DEVICE_CUDA || mma_cublaslt_version(&version) != 0) {
        complain(device_kind(device) == DEVICE_CUDA ? device_error() : "cuBLASLt wants a GPU");
        return EXIT_SKIPPED;
    }
    if (probe_library(device, (size_t)shapes, (double)seconds, &t) != 0)
        return complain(device_error());
    double share = t.shapes ? 1 - (double)t.wrong / (double)t.shapes : 1;
    fprintf(stderr,
            PROGRAM ": cuBLASLt %zu.%zu.%zu: %zu shapes predicted, %zu with other bits (%.2f %% "
                    "right), %zu without a published rule, %zu refused\n",
            version / 10000, version / 100 % 100, version % 100, t.shapes, t.wrong, 100 * share,
            t.declined, t.refused);
    return share < PROBE_LIBRARY_SHARE || t.always_wrong ? EXIT_BROKEN : EXIT_DONE;
}

#define NCCL_SECONDS 20 /* its first start may take several */
#define NCCL_SOON 2

static int probe_the_network(struct device *device) {
    struct nccl_probe p = {.device = device, .seconds = NCCL_SECONDS, .soon = NCCL_SOON};
    char why[RANKS_WHY] = "NCCL wants a GPU", name[64];
    if (device_kind(device) != DEVICE_CUDA || ranks_nccl_load(&p.nccl, why) != 0) {
        complain(why);
        return EXIT_SKIPPED;
    }
    p.busy = ranks_gpu_ops_cuda.busy;
    probe_nccl(&p);
    fprintf(stderr, PROGRAM ": %s: %s: %zu questions: %zu contradicted\n", device_id(device),
            ranks_nccl_name(p.nccl, name), p.asked, p.wrong);
    ranks_nccl_unload(p.nccl);
    return p.wrong ? EXIT_BROKEN : EXIT_DONE;
}

#define METER_SECONDS 2

/* Multiply-adds in registers. */
static int probe_the_meter(struct device *device, int index) {
    struct roofs_memory *memory;
    struct roofs_plan plan;
    struct meter meter;
    struct job job;
    if (device_kind(device) != DEVICE_CUDA) {
        complain("clock and energy are a GPU's");
        return EXIT_SKIPPED;
    }
    if (roofs_variants(device, ROOFS_FMA32, 0, 0, &plan, 1) == 0 ||
        roofs_memory_open(&memory, device, 0, 0) != 0)
        return complain(device_error());
    if (roofs_job_open(&job, memory, &plan) != 0) {
        roofs_memory_close(memory);
        return complain(device_error());
    }
    meter_open(&meter, DEVICE_CUDA, index);
    struct meter_probe p = {.device = device,
                            .meter = &meter,
                            .job = &job,
                            .watts = meter_gpu_watts,
                            .seconds = METER_SECONDS};
    int status = job_call(&job); /* the first call loads the kernel */
    if (status == 0)
        status = device_timer_start(device) || job_call(&job) ||
                 device_timer_stop(device, &p.call_seconds);
    if (status == 0)
        probe_meter(&p);
    meter_close(&meter);
    job_close(&job);
    roofs_memory_close(memory);
    if (status != 0)
        return complain(device_error());
    fprintf(stderr, PROGRAM ": %s: %zu questions about clock and energy: %zu contradicted\n",
            device_id(device), p.asked, p.wrong);
    return p.wrong ? EXIT_BROKEN : EXIT_DONE;
}

struct request {
    const char *what, *devices, *simt_arch;
    bool checked;
    uint64_t shapes, seconds;
};

static int probe(const struct options *parser, const struct request *r) {
    const char *what = r->what, *list = r->devices;
    struct option_device chosen[OPTION_DEVICES_MAX];
    struct device *device;
    size_t count;
    if (options_devices(parser, list, chosen, &count) != 0)
        return options_report();
    if (count > 1 || chosen[0].kind == DEVICE_CPU) {
        options_fail(parser, "--device %s: give one device, cuda[:N] or simt", list);
        return options_report();
    }
    if (r->simt_arch && simt_set_arch(r->simt_arch) != 0) {
        options_fail(parser, "--simt-arch: %s", device_error());
        return options_report();
    }
    if (device_count(chosen[0].kind) == 0 ||
        device_open(&device, chosen[0].kind, chosen[0].index) != 0) {
        complain(device_error());
        return EXIT_SKIPPED;
    }
    int status = strcmp(what, "rules") == 0     ? probe_rules(device)
                 : strcmp(what, "matrix") == 0  ? probe_matrix(device, r->checked)
                 : strcmp(what, "kernels") == 0 ? probe_all_kernels(device, r->checked)
                 : strcmp(what, "nccl") == 0    ? probe_the_network(device)
                 : strcmp(what, "meter") == 0   ? probe_the_meter(device, chosen[0].index)
                                                : probe_the_library(device, r->shapes, r->seconds);
    device_close(device);
    return status;
}

int main(int argc, char **argv) {
    const char *device = NULL;
    bool help = false;
    struct request request = {.shapes = 2000};
    const struct option_spec specs[] = {
        {"--device", "DEV", "cuda[:N], simt, ptx or sass:sm_90 (a GPU if one works, else simt)",
         OPTION_TEXT, &device, NULL},
        {"--checked", NULL, "simt: the build of the kernels that reports races and bad accesses",
         OPTION_FLAG, &request.checked, NULL},
        {"--simt-arch", "CARD", "simt: the card whose matrix instructions it computes (H100)",
         OPTION_TEXT, &request.simt_arch, NULL},
        {"--shapes", "N", "library: how many shapes (2000)", OPTION_NUMBER, &request.shapes, NULL},
        {"--seconds", "S", "library: no shape is begun after that", OPTION_NUMBER, &request.seconds,
         NULL},
        {"--help", NULL, "this text", OPTION_FLAG, &help, NULL},
    };
    const char **positional = calloc((size_t)argc + 1, sizeof *positional);
    struct options parser = {.program = PROGRAM,
                             .help_command = PROGRAM " --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs,
                             .positional = positional};
    int status = positional ? options_parse(&parser, argc, argv) : EXIT_USAGE;
    const char *what = status == 0 && parser.positional_count == 1 ? positional[0] : "";
    if (status == 0 && !help && strcmp(what, "rules") != 0 && strcmp(what, "kernels") != 0 &&
        strcmp(what, "matrix") != 0 && strcmp(what, "library") != 0 && strcmp(what, "nccl") != 0 &&
        strcmp(what, "meter") != 0)
        status = options_fail(&parser,
                              "say what to probe: rules, matrix, kernels, library, nccl or meter");
    free(positional);
    if (status)
        return options_report();
    if (help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
        return EXIT_DONE;
    }
    if (!device)
        device = device_count(DEVICE_CUDA) > 0 ? "cuda" : "simt";
    request.what = what, request.devices = device;
    return probe(&parser, &request);
}
