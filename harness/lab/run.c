/*
 * run.c: what a lab may ask of its run (lab.h), and what it says.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/lab/progress.h"
#include "harness/lab/run.h"
#include "harness/stop.h"
#include "harness/store/result.h"
#include "harness/text.h"

const struct quantity run_quantities[] = {
    {"bytes per second", "bytes/s", "bytes of one call over its median time"},
    {"flops per second", "flop/s", "operations of one call over its median time"},
    {"roof fraction", "1", "speed over that of the fastest reader of its contest"},
};
const size_t run_quantity_count = sizeof run_quantities / sizeof *run_quantities;

enum lab_mode lab_mode(const struct lab_run *run) {
    return run->mode;
}

uint64_t lab_seed(const struct lab_run *run) {
    return run->seed;
}

bool lab_predict(const struct lab_run *run) {
    return run->predict;
}

size_t lab_bits_devices(const struct lab_run *run) {
    return run->bits_count;
}

struct device *lab_bits_device(const struct lab_run *run, size_t k) {
    return k < run->bits_count ? run->bits[k] : NULL;
}

size_t lab_time_devices(const struct lab_run *run) {
    return run->time_count;
}

struct device *lab_time_device(const struct lab_run *run, size_t k) {
    return k < run->time_count ? run->time[k] : NULL;
}

static bool is_among(struct device *const *devices, size_t count, const struct device *device) {
    for (size_t k = 0; k < count; k++)
        if (devices[k] == device)
            return true;
    return false;
}

bool lab_checks_bits(const struct lab_run *run, const struct device *device) {
    return is_among(run->bits, run->bits_count, device);
}

bool lab_measures_time(const struct lab_run *run, const struct device *device) {
    return is_among(run->time, run->time_count, device);
}

void lab_expect(struct lab_run *run, size_t cases) {
    progress_expect(run->progress, cases);
}

bool lab_stopping(const struct lab_run *run) {
    (void)run;
    return stop_signal != 0;
}

int lab_error(struct lab_run *run, const char *format, ...) {
    /* Through a second buffer: the format may quote run->error. */
    char text[sizeof run->error];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_flatten(text); /* whatever a device or library put into its message */
    /* The first error is the cause; what follows it, its consequence. */
    if (!run->error[0])
        memcpy(run->error, text, sizeof text);
    return -1;
}

void lab_note(struct lab_run *run, const char *format, ...) {
    char text[900], line[1000], folder[80];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_flatten(text); /* whatever a device or library put into its message */
    run_lab_folder(run->lab, folder, sizeof folder);
    snprintf(line, sizeof line, "%s: note: %s", folder, text);
    progress_note(run->progress, line);
    /* A note that cannot be written is a failure of the folder, which result_failed() keeps. */
    if (run->result)
        result_note(run->result, text);
}

void run_lab_folder(const struct lab *lab, char *out, size_t size) {
    snprintf(out, size, "%02d-%s", lab->number, lab->name);
}
