/*
 * run_devices.c: which devices a lab runs on.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/cli/options.h"
#include "harness/lab/run.h"
#include "kernels/simt/simt.h"

static int fail(char *why, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(char *why, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, size, format, args);
    va_end(args);
    return -1;
}

static bool may(unsigned mask, enum device_kind kind) {
    return (mask & LAB_ON(kind)) != 0;
}

static bool may_time(const struct lab_run *run, enum device_kind kind) {
    return !device_simulated(kind) && may(run->lab->time_devices, kind);
}

static struct device *find(const struct lab_run *run, const char *id) {
    for (size_t k = 0; k < run->opened_count; k++)
        if (strcmp(device_id(run->opened[k]), id) == 0)
            return run->opened[k];
    return NULL;
}

/* Opens a device, or finds it opened; NULL leaves the reason in device_error(). */
static struct device *open_one(struct lab_run *run, enum device_kind kind, int index) {
    char id[DEVICE_NAME];
    device_name(kind, index, id);
    struct device *device = find(run, id);
    if (device)
        return device;
    if (run->opened_count == RUN_DEVICES_MAX) {
        device_fail("more than %d devices", RUN_DEVICES_MAX);
        return NULL;
    }
    if (device_open(&device, kind, index) != 0)
        return NULL;
    run->opened[run->opened_count++] = device;
    return device;
}

static void add_missing(struct lab_run *run, const char *id, const char *reason) {
    if (run->missing_count == RUN_DEVICES_MAX)
        return;
    struct run_missing *missing = &run->missing[run->missing_count++];
    snprintf(missing->id, sizeof missing->id, "%s", id);
    snprintf(missing->reason, sizeof missing->reason, "%s", reason);
}

/* Every opened device serves each part of the lab it can. */
static void assign(struct lab_run *run) {
    run->bits_count = run->time_count = 0;
    for (size_t k = 0; k < run->opened_count; k++) {
        struct device *device = run->opened[k];
        if (may(run->lab->bits_devices, device_kind(device)))
            run->bits[run->bits_count++] = device;
        if (may_time(run, device_kind(device)) && device_has_clock(device))
            run->time[run->time_count++] = device;
    }
}

static void no_part(const struct lab_run *run, enum device_kind kind, char *out, size_t size) {
    char kinds[64] = "";
    for (int k = 0; k < DEVICE_KINDS; k++) {
        size_t used = strlen(kinds);
        if (may(run->lab->bits_devices, (enum device_kind)k) || may_time(run, (enum device_kind)k))
            snprintf(kinds + used, sizeof kinds - used, "%s%s", used ? ", " : "",
                     device_kind_name((enum device_kind)k));
    }
    if (device_simulated(kind))
        snprintf(out, size, "this lab has no part for the simulated GPU; it runs on: %s", kinds);
    else
        snprintf(out, size, "this lab has no part for %s; it runs on: %s", device_kind_name(kind),
                 kinds);
}

static int open_listed(struct lab_run *run, const char *list, char *why, size_t why_size) {
    struct options options = {.program = "", .help_command = "--help"};
    struct option_device devices[OPTION_DEVICES_MAX];
    size_t count = 0;
    if (options_devices(&options, list, devices, &count) != 0)
        return fail(why, why_size, "%s", options_error() + 2);
    for (size_t k = 0; k < count; k++) {
        enum device_kind kind = devices[k].kind;
        char reason[160];
        if (!may(run->lab->bits_devices, kind) && !may_time(run, kind)) {
            no_part(run, kind, reason, sizeof reason);
            add_missing(run, devices[k].id, reason);
            continue;
        }
        int there = device_count(kind);
        if (there == 0) {
            add_missing(run, devices[k].id, device_error());
        } else if (kind == DEVICE_CUDA && devices[k].index >= there) {
            return fail(why, why_size, "there is no %s; this machine has cuda:0 to cuda:%d",
                        devices[k].id, there - 1);
        } else if (!open_one(run, kind, devices[k].index)) {
            add_missing(run, devices[k].id, device_error());
        }
    }
    assign(run);
    return 0;
}

/* The first kind of `order` that the mask allows and that opens. */
static bool open_first(struct lab_run *run, unsigned mask, const enum device_kind *order,
                       size_t count) {
    for (size_t k = 0; k < count; k++)
        if (may(mask, order[k]) && device_count(order[k]) > 0 && open_one(run, order[k], 0))
            return true;
    return false;
}

int run_open_devices(struct lab_run *run, const char *list, char *why, size_t why_size) {
    if (list)
        return open_listed(run, list, why, why_size);
    static const enum device_kind bits[] = {DEVICE_CUDA, DEVICE_SIMT, DEVICE_CPU};
    static const enum device_kind time[] = {DEVICE_CUDA, DEVICE_CPU};
    unsigned time_mask = run->lab->time_devices & ~LAB_ON(DEVICE_SIMT);
    bool has_bits = open_first(run, run->lab->bits_devices, bits, 3);
    bool has_time = open_first(run, time_mask, time, 2);
    assign(run);
    if (!has_bits && !has_time) {
        unsigned mask = run->lab->bits_devices | time_mask;
        for (int k = 0; k < DEVICE_KINDS; k++) {
            if (!may(mask, (enum device_kind)k))
                continue;
            struct device *device = open_one(run, (enum device_kind)k, 0);
            if (!device) { /* again, for the text of why */
                char id[DEVICE_NAME];
                device_name((enum device_kind)k, 0, id);
                add_missing(run, id, device_error());
            }
        }
    }
    return 0;
}

static int reopen(struct lab_run *run, const char (*ids)[24], size_t count, struct device **to,
                  size_t *to_count, char *why, size_t why_size) {
    for (size_t k = 0; k < count && k < RUN_DEVICES_MAX; k++) {
        enum device_kind kind;
        int index;
        if (device_parse(ids[k], &kind, &index) != 0)
            return fail(why, why_size,
                        "it names an unknown device \"%s\"; it is damaged or from "
                        "a newer version",
                        ids[k]);
        struct device *device = open_one(run, kind, index);
        if (!device)
            return fail(why, why_size,
                        "it ran on %s, which is not to be had here (%s); resume on "
                        "the machine it began on",
                        ids[k], device_error());
        to[(*to_count)++] = device;
    }
    return 0;
}

int run_reopen_devices(struct lab_run *run, const char *list, const char (*bits)[24],
                       size_t bits_count, const char (*time)[24], size_t time_count, char *why,
                       size_t why_size) {
    run->bits_count = run->time_count = 0;
    if (reopen(run, bits, bits_count, run->bits, &run->bits_count, why, why_size) != 0 ||
        reopen(run, time, time_count, run->time, &run->time_count, why, why_size) != 0)
        return -1;
    if (!list)
        return 0;
    /* What was asked for and was not there in the first session still is not part of the run. */
    struct options options = {.program = "", .help_command = "--help"};
    struct option_device devices[OPTION_DEVICES_MAX];
    size_t count = 0;
    if (options_devices(&options, list, devices, &count) != 0)
        return fail(why, why_size, "%s", options_error() + 2);
    for (size_t k = 0; k < count; k++) {
        char reason[160];
        if (find(run, devices[k].id))
            continue;
        if (!may(run->lab->bits_devices, devices[k].kind) && !may_time(run, devices[k].kind))
            no_part(run, devices[k].kind, reason, sizeof reason);
        else
            snprintf(reason, sizeof reason, "%s was not to be had when the run began",
                     devices[k].id);
        add_missing(run, devices[k].id, reason);
    }
    return 0;
}

void run_close_devices(struct lab_run *run) {
    for (size_t k = 0; k < run->opened_count; k++)
        device_close(run->opened[k]);
    run->opened_count = run->bits_count = run->time_count = 0;
}

static void list_devices(struct device *const *devices, size_t count, bool model, char *out,
                         size_t size) {
    out[0] = '\0';
    for (size_t k = 0; k < count; k++) {
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s", k ? ", " : "", device_id(devices[k]));
        used = strlen(out);
        if (device_kind(devices[k]) == DEVICE_SIMT)
            snprintf(out + used, size - used, " (simulated %s: bits, no timings)", simt_card());
        else if (device_compiled(device_kind(devices[k])))
            snprintf(out + used, size - used, " (%s: bits, no timings)", device_model(devices[k]));
        else if (model)
            snprintf(out + used, size - used, " (%s)", device_model(devices[k]));
    }
}

void run_describe_devices(const struct lab_run *run, bool by_default, char *out, size_t size) {
    char bits[400], time[400];
    list_devices(run->bits, run->bits_count, false, bits, sizeof bits);
    list_devices(run->time, run->time_count, true, time, sizeof time);
    snprintf(out, size, "%s%s%s%s%s", run->bits_count ? "bits on " : "", bits,
             run->bits_count && run->time_count ? "; " : "", run->time_count ? "time on " : "",
             time);
    if (!by_default || !may(run->lab->bits_devices | run->lab->time_devices, DEVICE_CUDA))
        return;
    /* The default fell on something else than a GPU: say why. */
    for (size_t k = 0; k < run->opened_count; k++)
        if (device_kind(run->opened[k]) == DEVICE_CUDA)
            return;
    size_t used = strlen(out);
    if (device_count(DEVICE_CUDA) == 0)
        snprintf(out + used, size - used, "; no GPU: %s", device_error());
}
