/*
 * kvmap.c: `nanolab kvmap`: what a block table of a serving engine looks like to the memory
 * system, and what its blocks' places cost on this machine.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/options.h"
#include "harness/store/build_info.h"
#include "kernels/kv_pool/kv_pool.h"
#include "kernels/kv_pool/kv_table_read.h"
#include "tools/kvmap_answer.h"

static const char intro[] =
    "nanolab kvmap: where the blocks of a paged KV cache lie, and what that costs.\n"
    "\n"
    "usage: nanolab kvmap FILE.json [options]     (- reads standard input)\n"
    "       nanolab kvmap --example [POLICY]      a table to try, of a pool that use has aged\n"
    "\n"
    "FILE is a block table as your engine has it: the blocks of each sequence in the order of its\n"
    "tokens, one for every started block_tokens of them, and how many blocks the pool has:\n"
    "\n"
    "  {\"block_tokens\": 16, \"pool_blocks\": 4096,\n"
    "   \"sequences\": [{\"tokens\": 40, \"blocks\": [7, 8, 3]}, {\"tokens\": 16, \"blocks\": "
    "[5]}]}\n"
    "\n"
    "Ids that are not in the pool are refused, and blocks that are named twice, unless --shared\n"
    "says that sequences share prefixes. Keys and values are two such pools, in every layer.\n"
    "\n";

static const char outro[] =
    "\n"
    "POLICY is what an allocator takes next: fifo, lifo, address or buddy (fifo).\n"
    "\n"
    "examples:\n"
    "  nanolab kvmap --example fifo | nanolab kvmap -\n"
    "  nanolab kvmap --example buddy | nanolab kvmap - --time\n"
    "  nanolab kvmap table.json --heads 1 --element f16 --shared --json\n"
    "\n"
    "--time runs a decode step through the table and through the same table with its blocks in\n"
    "order, by turns in one cache, and gives the ratio with its 95 % interval. The answers must\n"
    "have the same bits: places may change the time, never the result. simt checks bits only.\n"
    "\n"
    "exit status: 0 done; 1 the bits differ, our bug, or a step could not run; 2 usage or a bad\n"
    "table; 77 no such hardware here.\n";

struct request {
    const char *file, *layout, *element, *device;
    uint64_t heads, head;
    bool shared, time, json, example, help, version, describe;
};

#define PROGRAM "nanolab kvmap"

static int complain(const char *what) {
    fprintf(stderr, PROGRAM ": %s\n", what);
    return EXIT_USAGE;
}

/* --- an example --------------------------------------------------------------------------------
 */

enum {
    EXAMPLE_POOL = 4096,
    EXAMPLE_BLOCK = 16,
    EXAMPLE_SEQUENCES = 16,
    EXAMPLE_TOKENS = 2040,
    EXAMPLE_TURNOVERS = 3 /* how often the pool was given out before the batch came */
};

static int print_example(enum kv_policy policy) {
    struct kv_churn_options options = kv_churn_default(EXAMPLE_POOL, EXAMPLE_BLOCK, 1);
    struct kv_churn *churn = NULL;
    struct kv_churn_counts counts = {0};
    struct kv_table table = {0};
    char why[KV_WHY] = "out of memory";
    options.policy = policy;
    int status = kv_churn_open(&churn, &options);
    while (status == 0 && counts.blocks_taken < EXAMPLE_TURNOVERS * EXAMPLE_POOL) {
        status = kv_churn_run(churn, 64, why);
        kv_churn_counts(churn, &counts);
    }
    if (status == 0)
        status = kv_churn_table(churn, EXAMPLE_SEQUENCES, EXAMPLE_TOKENS * 3 / 4, EXAMPLE_TOKENS,
                                EXAMPLE_POOL / 8, &table, why);
    if (status == 0)
        kv_table_write(&table, stdout);
    else
        complain(why);
    kv_table_close(&table);
    kv_churn_close(churn);
    return status ? EXIT_BROKEN : EXIT_DONE;
}

/* --- what is asked -----------------------------------------------------------------------------
 */

/* --example with its policy, or none. */
static int example(const struct options *parser, const struct request *r) {
    const char *names[KV_POLICY_COUNT];
    enum kv_policy policy = KV_FIFO;
    for (int k = 0; k < KV_POLICY_COUNT; k++)
        names[k] = kv_policy_name((enum kv_policy)k);
    if (r->time || r->json || r->shared || r->device) {
        options_fail(parser, "--example only prints a table; pipe it into " PROGRAM " -");
        return options_report();
    }
    if (r->file && kv_policy_parse(r->file, &policy) != 0) {
        const char *near = options_nearest(r->file, names, KV_POLICY_COUNT);
        if (near)
            options_fail(parser, "no policy is called \"%s\"; did you mean %s?", r->file, near);
        else
            options_fail(parser, "no policy is called \"%s\"; give fifo, lifo, address or buddy",
                         r->file);
        return options_report();
    }
    return print_example(policy);
}

static int geometry(const struct options *parser, const struct request *r,
                    struct kvmap_step *step) {
    struct paged_plan *plan = &step->plan;
    static const char *const layouts[] = {"nhd", "hnd"}, *const elements[] = {"f32", "bf16", "f16"};
    *plan = paged_plan_default();
    plan->rule = PAGED_HEURISTIC;
    plan->splits = 32;
    plan->layout = plan->element = -1;
    for (int k = 0; k < 2; k++)
        if (strcmp(r->layout, layouts[k]) == 0)
            plan->layout = k == 0 ? PAGED_NHD : PAGED_HND;
    for (int k = 0; k < 3; k++)
        if (strcmp(r->element, elements[k]) == 0)
            plan->element = k == 0 ? PAGED_F32 : k == 1 ? PAGED_BF16 : PAGED_F16;
    if (plan->layout < 0)
        return options_fail(parser, "--layout is nhd or hnd, not \"%s\"", r->layout);
    if (plan->element < 0)
        return options_fail(parser, "--element is f32, bf16 or f16, not \"%s\"", r->element);
    if (r->heads < 1 || r->heads > 64)
        return options_fail(parser, "--heads is %" PRIu64 "; give 1 to 64", r->heads);
    if (r->head != 64 && r->head != 128)
        return options_fail(parser, "--head is %" PRIu64 "; give 64 or 128", r->head);
    plan->head = (int)r->head;
    step->shape.kv_heads = (unsigned)r->heads;
    return 0;
}

static int choose_device(const struct options *parser, const struct request *r,
                         struct option_device *out) {
    struct option_device listed[OPTION_DEVICES_MAX];
    size_t count = 0;
    if (r->device && !r->time)
        return options_fail(parser, "--device belongs to --time; add --time or leave it out");
    *out = (struct option_device){.kind = DEVICE_CPU};
    if (!r->device) {
        if (r->time && device_count(DEVICE_CUDA) > 0)
            out->kind = DEVICE_CUDA;
        return 0;
    }
    if (options_devices(parser, r->device, listed, &count) != 0)
        return -1;
    if (count != 1)
        return options_fail(parser, "--device takes one device here; give cpu, simt or cuda");
    *out = listed[0];
    return 0;
}

/* Reads and checks the table. 0, or the exit status. */
static int load(const struct request *r, struct kv_table *table) {
    char why[KV_WHY];
    bool standard = strcmp(r->file, "-") == 0;
    const char *name = standard ? "standard input" : r->file;
    FILE *in = standard ? stdin : fopen(r->file, "r");
    if (!in) {
        fprintf(stderr, PROGRAM ": cannot read %s: %s; give a file, or - for standard input\n",
                name, strerror(errno));
        return EXIT_USAGE;
    }
    int status = kv_table_read(in, table, why);
    if (!standard)
        fclose(in);
    bool refused = status == 0 && !r->shared && kv_table_check(table, false, why) != 0;
    if (status == 0 && !refused)
        return 0;
    fprintf(stderr, PROGRAM ": %s: %s%s\n", name, why, refused ? " (--shared)" : "");
    kv_table_close(table);
    return EXIT_USAGE;
}

/* --- from the table to the answer --------------------------------------------------------------
 */

/* 0, or the exit status, with the reason said. */
static int measure(struct kvmap_step *step, const struct option_device *chosen,
                   struct kvmap_cost *cost) {
    if (device_open(&step->device, chosen->kind, chosen->index) != 0) {
        complain(device_error());
        return EXIT_SKIPPED;
    }
    if (kvmap_check(step) != 0)
        return complain(device_error());
    if (kvmap_measure(step, cost) != 0) {
        complain(device_error());
        return EXIT_BROKEN;
    }
    return 0;
}

static int answer(const struct request *r, const struct option_device *chosen,
                  struct kvmap_step *step, struct kv_table *table) {
    struct kvmap_answer a;
    struct kvmap_cost cost = {0};
    step->plan.block = (int)table->block_tokens;
    step->shape.table = table;
    if (chosen->kind == DEVICE_CPU)
        step->shape.processors = pool_cpus();
    if (look(step, &a) != 0)
        return complain("not enough memory to look at so large a table; give fewer sequences");
    int status = r->time ? measure(step, chosen, &cost) : 0;
    if (status == 0) {
        a.shared = r->shared;
        a.cost = r->time ? &cost : NULL;
        if (r->json)
            print_json(&a);
        else
            print_text(&a);
        if (r->time && !cost.same_bits) {
            complain("our bug: where blocks lie changed the bits of the step; please report it");
            status = EXIT_BROKEN;
        }
    }
    if (step->device)
        device_close(step->device);
    return status;
}

static int kvmap(const struct options *parser, const struct request *r) {
    struct kvmap_step step = {0};
    struct option_device chosen;
    struct kv_table table = {0};
    if (!r->file) {
        options_fail(parser, "a block table is missing; give FILE.json, or try --example");
        return options_report();
    }
    if (geometry(parser, r, &step) != 0 || choose_device(parser, r, &chosen) != 0)
        return options_report();
    if (r->time && device_count(chosen.kind) == 0) {
        fprintf(stderr, PROGRAM ": not testable here: %s\n", device_error());
        return EXIT_SKIPPED;
    }
    int status = load(r, &table);
    if (status == 0)
        status = answer(r, &chosen, &step, &table);
    kv_table_close(&table);
    return status;
}

/* What went to standard output may not have arrived. */
static int finish(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    complain("standard output cannot be written; check where it goes");
    return status ? status : EXIT_USAGE;
}

int main(int argc, char **argv) {
    struct request r = {.layout = "nhd", .element = "bf16", .heads = 8, .head = 128};
    const struct option_spec specs[] = {
        {"--heads", "H", "KV heads, 1 to 64 (8)", OPTION_NUMBER, &r.heads, NULL},
        {"--head", "D", "channels of a head: 64 or 128 (128)", OPTION_NUMBER, &r.head, NULL},
        {"--element", "T", "of keys and values: f32, bf16 or f16 (bf16)", OPTION_TEXT, &r.element,
         NULL},
        {"--layout", "L", "order in a block: nhd (tokens, heads) or hnd (nhd)", OPTION_TEXT,
         &r.layout, NULL},
        {"--shared", NULL, "blocks may be named twice: sequences share prefixes", OPTION_FLAG,
         &r.shared, NULL},
        {"--time", NULL, "times a decode step through it, and checks the bits", OPTION_FLAG,
         &r.time, NULL},
        {"--device", "DEV", "for --time: cpu, cuda[:N] or simt (a GPU if one works, else cpu)",
         OPTION_TEXT, &r.device, NULL},
        {"--json", NULL, "the answer as JSON", OPTION_FLAG, &r.json, NULL},
        {"--example", NULL, "prints a table in this format", OPTION_FLAG, &r.example, NULL},
        {"--help", NULL, "this text", OPTION_FLAG, &r.help, NULL},
        {"--version", NULL, "the version", OPTION_FLAG, &r.version, NULL},
        {"--describe", NULL, NULL, OPTION_FLAG, &r.describe, NULL}, /* for `nanolab --help` */
    };
    const char **positional = calloc((size_t)argc + 1, sizeof *positional);
    struct options parser = {.program = PROGRAM,
                             .help_command = PROGRAM " --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs,
                             .positional = positional};
    int status = positional ? options_parse(&parser, argc, argv) : EXIT_USAGE;
    r.file = status == 0 && parser.positional_count ? positional[0] : NULL;
    if (status == 0 && parser.positional_count > 1)
        status = options_fail(&parser, "one table at a time; \"%s\" is too much", positional[1]);
    free(positional);
    if (status)
        return options_report();
    if (r.help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
        return finish(EXIT_DONE);
    }
    if (r.describe) {
        puts("{\"arguments\": \"FILE\", "
             "\"summary\": \"where the blocks of a paged KV cache lie, and what that costs\"}");
        return finish(EXIT_DONE);
    }
    if (r.version) {
        printf("nanolab %s\n", build_version());
        return finish(EXIT_DONE);
    }
    return finish(r.example ? example(&parser, &r) : kvmap(&parser, &r));
}
