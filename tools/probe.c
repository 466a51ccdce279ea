/*
 * probe.c: `nanolab probe`: asks a device about what our predictions of its bits rest on.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/options.h"
#include "kernels/simt/rules_probe.h"

#define PROGRAM "nanolab probe"

static const char intro[] =
    "nanolab probe: does a device do what our predictions of its bits rest on?\n"
    "\n"
    "usage: nanolab probe rules [--device DEV]\n"
    "\n"
    "rules: each place where a GPU's bits differ from what the same C gives on a CPU, one "
    "question\n"
    "after the other, as JSON lines: the rule, the question, what is expected, the device's "
    "answer,\n"
    "and whether that is confirmed, contradicted, or was not seen (of what may happen, but need "
    "not).\n"
    "\n";

static const char outro[] = "\nexit status: 0 nothing was contradicted; 1 something was; 2 usage; "
                            "77 no such device here.\n";

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

static int probe(const struct options *parser, const char *list) {
    struct option_device chosen[OPTION_DEVICES_MAX];
    struct device *device;
    size_t count;
    if (options_devices(parser, list, chosen, &count) != 0)
        return options_report();
    if (count > 1 || chosen[0].kind == DEVICE_CPU) {
        options_fail(parser, "--device %s: give one device, cuda[:N] or simt", list);
        return options_report();
    }
    if (device_count(chosen[0].kind) == 0 ||
        device_open(&device, chosen[0].kind, chosen[0].index) != 0) {
        complain(device_error());
        return EXIT_SKIPPED;
    }
    int status = probe_rules(device);
    device_close(device);
    return status;
}

int main(int argc, char **argv) {
    const char *device = NULL;
    bool help = false;
    const struct option_spec specs[] = {
        {"--device", "DEV", "cuda[:N] or simt (a GPU if one works, else simt)", OPTION_TEXT,
         &device, NULL},
        {"--help", NULL, "this text", OPTION_FLAG, &help, NULL},
    };
    const char **positional = calloc((size_t)argc + 1, sizeof *positional);
    struct options parser = {.program = PROGRAM,
                             .help_command = PROGRAM " --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs,
                             .positional = positional};
    int status = positional ? options_parse(&parser, argc, argv) : EXIT_USAGE;
    if (status == 0 && !help &&
        (parser.positional_count != 1 || strcmp(positional[0], "rules") != 0))
        status = options_fail(&parser, "say what to probe: rules");
    free(positional);
    if (status)
        return options_report();
    if (help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
        return EXIT_DONE;
    }
    return probe(&parser, device ? device : device_count(DEVICE_CUDA) > 0 ? "cuda" : "simt");
}
