/*
 * run_options.c: the options of a run (run_options.h).
 */
#include "harness/cli/run_options.h"

#include <string.h>

#include "kernels/device/device_schedule.h"
#include "kernels/simt/simt.h"

void run_options_specs(struct option_spec *specs, struct run_options *o) {
    const struct option_spec table[RUN_OPTION_SPECS] = {
        {"--device", "LIST",
         "where to run: cuda[:N], simt, ptx, sass:sm_90, cpu, or several as simt,cpu\n"
         "(default: a GPU if one works, else simt for bits, cpu for time)",
         OPTION_TEXT, &o->device, NULL},
        {"--simt-arch", "CARD",
         "whose matrix instructions simt computes: sm_70 ... sm_120, or\n"
         "a card such as A100 (default: H100, sm_90)",
         OPTION_TEXT, &o->simt_arch, NULL},
        {"--schedule", "ORDER",
         "which thread of simt, ptx or sass goes on where there is a choice:\n"
         "in-order (default), reverse, or seed:N for anyone by chance. Where the\n"
         "order may change nothing, no bit may change. Sweeps that try orders\n"
         "themselves keep theirs",
         OPTION_TEXT, &o->schedule, NULL},
        {"--only", "PART", "bits or time: of each lab only this part", OPTION_TEXT, &o->only, NULL},
        {"--quick", NULL, "a short sweep, to look around", OPTION_FLAG, &o->quick, NULL},
        {"--full", NULL, "the whole sweep, for results to keep", OPTION_FLAG, &o->full, NULL},
        {"--seed", "N", "seed of all random data and orders (default 1)", OPTION_NUMBER, &o->seed,
         &o->seed_given},
        /* `nanolab run --sessions` gives it: what is measured together is then measured in another
         * order, and all else is the same. */
        {"--session", "K", NULL, OPTION_NUMBER, &o->session, NULL},
        {"--predict", NULL,
         "before anything runs: `nanolab run` asks what will come out (on a\n"
         "terminal), then a lab with a model prints what that expects",
         OPTION_FLAG, &o->predict, NULL},
        {"--out", "DIR", "the result folder to make (default: a new one in results/)", OPTION_TEXT,
         &o->out, NULL},
        {"--resume", "DIR", "finish a run that was stopped", OPTION_TEXT, &o->resume, NULL},
        {"--label", "TEXT", "a name for this machine or run, shown in reports", OPTION_TEXT,
         &o->label, NULL},
        {"--json", NULL, "the verdicts as JSON on standard output", OPTION_FLAG, &o->json, NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &o->help, NULL},
    };
    memset(o, 0, sizeof *o);
    o->seed = 1;
    memcpy(specs, table, sizeof table);
}

static int check_devices(const struct options *parser, const char *list) {
    struct option_device devices[OPTION_DEVICES_MAX];
    size_t count;
    if (options_devices(parser, list, devices, &count) != 0)
        return -1;
    for (size_t k = 0; k < count; k++) {
        /* A machine without any GPU is no mistake of the user's: the labs say "not testable
         * here". A GPU more than there are is one. */
        bool gpu = devices[k].kind == DEVICE_CUDA && devices[k].index > 0;
        int there = gpu ? device_count(DEVICE_CUDA) : 0;
        if (there > 0 && devices[k].index >= there)
            return options_fail(parser, "there is no %s; the last GPU here is cuda:%d",
                                devices[k].id, there - 1);
    }
    return 0;
}

/* Real threads are scheduled by the hardware and its system, whoever wishes what. */
static int check_schedule(const struct options *parser, const struct run_options *o) {
    struct option_device devices[OPTION_DEVICES_MAX];
    size_t count = 0;
    if (!o->device)
        return options_fail(parser, "--schedule is for what is simulated; give --device simt, ptx "
                                    "or sass:sm_90 with it");
    if (options_devices(parser, o->device, devices, &count) != 0)
        return -1;
    for (size_t k = 0; k < count; k++)
        if (!device_simulated(devices[k].kind))
            return options_fail(parser,
                                "--schedule: %s has no schedule to choose, its hardware decides; "
                                "give --device simt, ptx or sass:sm_90",
                                devices[k].id);
    if (device_schedule_set(o->schedule) != 0)
        return options_fail(parser, "--schedule: %s", device_error());
    return 0;
}

int run_options_check(const struct options *parser, const struct run_options *o) {
    if (o->quick && o->full)
        return options_fail(parser, "--quick and --full exclude each other; give one");
    if (o->only && strcmp(o->only, "bits") != 0 && strcmp(o->only, "time") != 0)
        return options_fail(parser, "--only %.40s: give bits or time", o->only);
    if (o->resume && o->out)
        return options_fail(parser, "--resume and --out exclude each other; --resume writes to "
                                    "the folder it names");
    if (o->resume && o->label)
        return options_fail(parser, "--label cannot be changed by --resume; leave it out");
    const char *dir = o->resume ? o->resume : o->out ? o->out : "";
    if (strlen(dir) >= RESULT_PATH_MAX - 256)
        return options_fail(parser, "%s is longer than %d bytes; use a shorter name",
                            o->resume ? "--resume" : "--out", RESULT_PATH_MAX - 256);
    if (o->label && strlen(o->label) > 200)
        return options_fail(parser, "--label is longer than 200 bytes; use a shorter one");
    if (o->simt_arch && simt_set_arch(o->simt_arch) != 0)
        return options_fail(parser, "--simt-arch: %s", device_error());
    if (o->schedule && !o->resume && check_schedule(parser, o) != 0)
        return -1;
    return o->device ? check_devices(parser, o->device) : 0;
}

/* The card of the run that --resume names; older folders name none. */
static int take_card(const struct options *parser, const struct run_options *o,
                     const struct result_recorded *recorded) {
    const char *card = recorded->simt_card;
    if (!card[0])
        return 0;
    if (o->simt_arch && strcmp(simt_card(), card) != 0)
        return options_fail(parser,
                            "%s simulates the card %s; leave --simt-arch out to resume it, or "
                            "start a new run",
                            o->resume, card);
    if (simt_set_arch(card) != 0)
        return options_fail(parser, "%s: %s", o->resume, device_error());
    return 0;
}

/* The schedule of the run that --resume names; most name none, which is the usual one. */
static int take_schedule(const struct options *parser, const struct run_options *o,
                         const struct result_recorded *recorded) {
    const char *schedule = recorded->schedule[0] ? recorded->schedule : "in-order";
    if (o->schedule && strcmp(o->schedule, schedule) != 0)
        return options_fail(parser,
                            "%s was begun with the schedule %s; leave --schedule out to resume it, "
                            "or start a new run",
                            o->resume, schedule);
    if (device_schedule_set(schedule) != 0)
        return options_fail(parser, "%s: %s", o->resume, device_error());
    return 0;
}

int run_options_check_recorded(const struct options *parser, const struct run_options *o,
                               const struct result_recorded *recorded) {
    enum lab_mode asked = o->quick ? LAB_QUICK : LAB_FULL;
    if ((o->quick || o->full) && asked != recorded->mode)
        return options_fail(parser,
                            "%s is a %s run; leave --%s out to resume it, or start a new run",
                            o->resume, result_mode_name(recorded->mode), result_mode_name(asked));
    if (o->seed_given && o->seed != recorded->seed)
        return options_fail(parser,
                            "%s has seed %llu, not %llu; leave --seed out to resume it, or start "
                            "a new run",
                            o->resume, (unsigned long long)recorded->seed,
                            (unsigned long long)o->seed);
    if (o->device && strcmp(o->device, recorded->device_list) != 0)
        return options_fail(parser,
                            "%s was begun with %s%s; leave --device out to resume it, or start a "
                            "new run",
                            o->resume, recorded->device_list[0] ? "--device " : "the default ",
                            recorded->device_list[0] ? recorded->device_list : "devices");
    return take_card(parser, o, recorded) != 0 ? -1 : take_schedule(parser, o, recorded);
}
