/* report_words.c: provenance in plain words (report.h). */
#include <string.h>

#include "harness/page/escape.h"
#include "harness/page/report.h"
#include "harness/page/units.h"
#include "harness/store/others.h"
#include "harness/store/provenance.h"

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

/* One row of the table, cell still open; the label is ours. */
static void open_row(FILE *out, const char *label) {
    fprintf(out, "| %s | ", label);
}

static void text_row(FILE *out, const char *label, const char *text) {
    if (!text)
        return;
    open_row(out, label);
    escape_inline(out, text);
    fputs(" |\n", out);
}

static void bytes(FILE *out, double size) {
    char text[UNITS_TEXT];
    fputs(units_number(text, sizeof text, size, "bytes"), out);
}

/* "2 cores", "1 core"; nothing if the field is not there. */
static void count(FILE *out, const json_t *object, const char *name, const char *one,
                  const char *many, const char *before) {
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value))
        return;
    long long number = json_integer_value(value);
    fprintf(out, "%s%lld %s", before, number, number == 1 ? one : many);
}

static void cache(FILE *out, const json_t *cpu, const char *name, const char *label) {
    const json_t *level = json_object_get(cpu, name);
    double size = json_number_value(json_object_get(level, "bytes"));
    if (!(size > 0))
        return;
    fprintf(out, ", %s ", label);
    bytes(out, size);
    long long copies = json_integer_value(json_object_get(level, "count"));
    if (copies > 1)
        fprintf(out, " × %lld", copies);
}

static void processor(FILE *out, const json_t *machine) {
    const json_t *cpu = json_object_get(machine, "cpu");
    open_row(out, "Processor");
    escape_inline(out, text_of(cpu, "model"));
    count(out, cpu, "cores", "core", "cores", ", ");
    count(out, cpu, "threads", "thread", "threads", ", ");
    count(out, cpu, "packages", "package", "packages", ", ");
    cache(out, cpu, "l1d", "L1");
    cache(out, cpu, "l2", "L2");
    cache(out, cpu, "l3", "L3");
    fputs(" |\n", out);
    open_row(out, "Memory");
    bytes(out, json_number_value(json_object_get(machine, "memory_bytes")));
    fputs(", pages of ", out);
    bytes(out, json_number_value(json_object_get(machine, "page_bytes")));
    fputs(", transparent huge pages: ", out);
    escape_inline(out, text_of(machine, "transparent_huge_pages"));
    fputs(" |\n", out);
    const json_t *hypervisor = json_object_get(machine, "hypervisor");
    if (json_is_boolean(hypervisor))
        text_row(out, "Virtual machine", json_is_true(hypervisor) ? "yes" : "no");
    text_row(out, "Frequency governor", text_of(cpu, "governor"));
}

/* " at 700 W": a number with its unit, if the field is there. */
static void measure(FILE *out, const json_t *object, const char *name, const char *before,
                    const char *unit) {
    const json_t *value = json_object_get(object, name);
    if (json_is_number(value))
        fprintf(out, "%s%.0f %s", before, json_number_value(value), unit);
}

static void gpus(FILE *out, const json_t *machine) {
    const json_t *list = json_object_get(machine, "gpus");
    size_t number = json_array_size(list);
    if (!number)
        text_row(out, "GPU", "none that a driver shows");
    for (size_t k = 0; k < number; k++) {
        const json_t *gpu = json_array_get(list, k);
        double memory = json_number_value(json_object_get(gpu, "memory_bytes"));
        open_row(out, "GPU");
        escape_inline(out, text_of(gpu, "name"));
        if (memory > 0) {
            fputs(", ", out);
            bytes(out, memory);
        }
        if (text_of(gpu, "driver")) {
            fputs(", driver ", out);
            escape_inline(out, text_of(gpu, "driver"));
        }
        measure(out, gpu, "max_clock_mhz", ", up to ", "MHz");
        measure(out, gpu, "max_memory_clock_mhz", ", memory up to ", "MHz");
        measure(out, gpu, "power_limit_watts", ", power limit ", "W");
        if (json_is_boolean(json_object_get(gpu, "ecc")))
            fprintf(out, ", ECC %s", json_is_true(json_object_get(gpu, "ecc")) ? "on" : "off");
        if (json_is_true(json_object_get(gpu, "mig")))
            fputs(", a MIG slice", out);
        fputs(" |\n", out);
    }
}

static void software(FILE *out, const json_t *run) {
    const json_t *build = json_object_get(run, "software");
    open_row(out, "nanolab");
    escape_inline(out, text_of(build, "version"));
    if (json_is_true(json_object_get(build, "dirty")))
        fputs(", **with changes that were not committed**", out);
    fputs(" |\n", out);
    open_row(out, "Compiled by");
    escape_inline(out, text_of(build, "compiler"));
    fputs(" with ", out);
    escape_inline(out, text_of(build, "flags"));
    fputs(" |\n", out);
    text_row(out, "CUDA toolkit", text_of(build, "cuda_toolkit"));
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(build, "settings"), name, value) {
        if (!json_is_string(value))
            continue;
        open_row(out, "Set for libraries");
        escape_inline(out, name);
        fputs(" = ", out);
        escape_inline(out, json_string_value(value));
        fputs(" |\n", out);
    }
}

/* Whether simt is among the devices asked for: by its name, or since none was named. */
static bool may_simulate(const char *devices) {
    static const char simt[] = "simt";
    for (const char *at = devices; at && *at; at += *at == ',') {
        size_t n = strcspn(at, ",");
        if (n == strlen(simt) && strncmp(at, simt, n) == 0)
            return true;
        at += n;
    }
    return !devices || !*devices;
}

const char *report_card(const json_t *run) {
    const json_t *asked = json_object_get(run, "run");
    return may_simulate(text_of(asked, "device_list")) ? text_of(asked, "simt_card") : NULL;
}

void report_provenance(const json_t *run, FILE *out) {
    const json_t *asked = json_object_get(run, "run");
    const json_t *machine = json_object_get(run, "machine");
    fputs("| what | as recorded |\n|---|---|\n", out);
    text_row(out, "Label", text_of(asked, "label"));
    text_row(out, "Started", text_of(asked, "start"));
    text_row(out, "Ended", text_of(asked, "end"));
    text_row(out, "Mode", text_of(asked, "mode"));
    text_row(out, "Seed", text_of(asked, "seed"));
    text_row(out, "Devices asked for", text_of(asked, "device_list"));
    if (report_card(run))
        text_row(out, "Card that simt simulates", report_card(run));
    processor(out, machine);
    gpus(out, machine);
    software(out, run);
    fputc('\n', out);
}

/* The load average before the run holds this program's own earlier sessions; what others took
 * meanwhile says more, where it is known. */
static json_t *warnings_of(const json_t *run) {
    json_t *list = provenance_warnings(json_object_get(run, "machine")), *warning;
    struct others others;
    char text[200];
    size_t k;
    if (!others_of(json_object_get(run, "run"), &others))
        return list;
    json_array_foreach(list, k, warning) {
        if (strcmp(text_of(warning, "field"), "load") == 0) {
            json_array_remove(list, k);
            break;
        }
    }
    if (others_are_many(&others, text, sizeof text))
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "field", "others", "problem", text,
                                              "advice", "stop them, and measure again"));
    return list;
}

void report_warnings(const json_t *run, FILE *out) {
    json_t *warnings = warnings_of(run);
    size_t number = json_array_size(warnings);
    if (number)
        fputs("**What may have spoilt times here** (bits are not touched by it):\n\n", out);
    for (size_t k = 0; k < number; k++) {
        const json_t *warning = json_array_get(warnings, k);
        fputs("- Found: ", out);
        escape_inline(out, text_of(warning, "problem"));
        fputs(". What to do: ", out);
        escape_inline(out, text_of(warning, "advice"));
        fputs(".\n", out);
    }
    if (number)
        fputc('\n', out);
    json_decref(warnings);
}

/* The program that a command line starts with, as found in a build; NULL for one that is none of
 * ours: nobody is to paste a stranger's command from a page of ours. */
static const char *program_folder(const char *name, const char *command) {
    if (!strcmp(name, "nanolab"))
        return command && !strcmp(command, "run") ? "build/bin/" : NULL;
    return home_is_lab(name) ? "build/labs/" : NULL;
}

/* An argument as recorded: of a path, the last part is kept behind "…/", which nobody can type. */
static void argument(FILE *out, const char *text) {
    static const char cut[] = "\xe2\x80\xa6";
    char typed[ESCAPE_MAX + 8] = "";
    const char *at = strstr(text, cut);
    if (at && strlen(text) < sizeof typed) {
        const char *rest = at + sizeof cut - 1;
        snprintf(typed, sizeof typed, "%.*s%s", (int)(at - text), text, rest + (*rest == '/'));
    }
    escape_argument(out, at && *typed ? typed : text);
}

void report_reproduce(const json_t *run, FILE *out) {
    const json_t *asked = json_object_get(run, "run");
    const json_t *arguments = json_object_get(asked, "arguments");
    const char *name = json_string_value(json_array_get(arguments, 0));
    const char *slash = name ? strrchr(name, '/') : NULL;
    name = slash ? slash + 1 : name ? name : "";
    const char *folder = program_folder(name, json_string_value(json_array_get(arguments, 1)));
    if (folder) {
        fprintf(out,
                "With the source version above checked out and built, the command was:\n\n"
                "```\n%s",
                folder);
        fputs(name, out);
        for (size_t k = 1; k < json_array_size(arguments); k++) {
            const char *text = json_string_value(json_array_get(arguments, k));
            fputc(' ', out);
            argument(out, text ? text : "");
        }
        fputs("\n```\n\n", out);
    }
    fputs("Seed ", out);
    escape_inline(out, text_of(asked, "seed"));
    fputs(" gives the same data on every machine. Bits should come out the same on the same kind "
          "of device; times only on the same machine in the same state. `nanolab verify` checks a "
          "result folder against its own checksums.\n\n",
          out);
}
