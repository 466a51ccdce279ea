/*
 * driver_info.c: `nanolab info`: the devices here, what a result folder would record about this
 * machine, and what spoils measurements on it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/driver.h"
#include "harness/store/provenance.h"

/* One device, or why there is none of its kind. */
static json_t *probe(enum device_kind kind) {
    json_t *list = json_array();
    int count = device_count(kind);
    if (count == 0)
        json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "id", device_kind_name(kind),
                                              "works", 0, "why_not", device_error()));
    for (int index = 0; index < count; index++) {
        struct device *device;
        char id[DEVICE_NAME];
        device_name(kind, index, id);
        if (device_open(&device, kind, index) != 0) {
            json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "id", id, "works", 0,
                                                  "why_not", device_error()));
            continue;
        }
        json_array_append_new(list, json_pack("{s:s, s:b, s:s, s:b, s:I, s:o}", "id", id, "works",
                                              1, "model", device_model(device), "time",
                                              device_has_clock(device), "memory_free",
                                              (json_int_t)device_memory_free(device), "record",
                                              provenance_device(device)));
        device_close(device);
    }
    return list;
}

/* By what energy and clock are measured there, or why not. */
static void print_meter(const json_t *record, const char *name, const char *what) {
    const char *by = json_string_value(json_object_get(record, name));
    const char *why = json_string_value(json_object_get(json_object_get(record, "missing"), name));
    printf("  %-8s   %s: %s\n", "", what, by ? by : why ? why : "not measured");
}

static void print_device(const json_t *device) {
    const char *id = json_string_value(json_object_get(device, "id"));
    if (!json_is_true(json_object_get(device, "works"))) {
        printf("  %-8s not here: %s\n", id, json_string_value(json_object_get(device, "why_not")));
        return;
    }
    double gib = json_number_value(json_object_get(device, "memory_free")) / (double)(1 << 30);
    printf("  %-8s %s; %s; %.1f GiB free\n", id,
           json_string_value(json_object_get(device, "model")),
           json_is_true(json_object_get(device, "time")) ? "bits and time"
           : strcmp(id, "simt") != 0                     ? "bits, no timings"
                                                         : "simulated GPU: bits, no timings",
           gib);
    if (!json_is_true(json_object_get(device, "time")))
        return;
    const json_t *record = json_object_get(device, "record");
    print_meter(record, "energy", "energy (default and full mode)");
    print_meter(record, "cycles", "clock beside the samples");
}

/* One value of the allow-list on one line; lists and objects go deeper. */
static void print_value(const char *name, const json_t *value, int depth) {
    const char *inner;
    json_t *member;
    size_t i;
    if (json_is_object(value)) {
        printf("%*s%s\n", 2 * depth, "", name);
        json_object_foreach((json_t *)value, inner, member) {
            print_value(inner, member, depth + 1);
        }
        return;
    }
    if (json_is_array(value) && json_array_size(value) > 0 &&
        (json_is_object(json_array_get(value, 0)) || json_is_array(json_array_get(value, 0)))) {
        json_array_foreach(value, i, member) {
            char numbered[96];
            snprintf(numbered, sizeof numbered, "%.60s %zu", name, i);
            print_value(numbered, member, depth + 1);
        }
        return;
    }
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    printf("%*s%-*s %s\n", 2 * depth, "", 26 - 2 * depth, name,
           json_is_string(value) ? json_string_value(value)
           : text                ? text
                                 : "?");
    free(text);
}

static void print_group(const char *title, const json_t *group) {
    const char *name;
    json_t *value;
    printf("\n%s\n", title);
    json_object_foreach((json_t *)group, name, value) {
        print_value(name, value, 1);
    }
}

int driver_info(const struct driver *driver, int argc, char **argv) {
    (void)driver;
    bool json = false, help = false;
    const struct option_spec specs[] = {
        {"--json", NULL, "the same as JSON", OPTION_FLAG, &json, NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &help, NULL},
    };
    struct options parser = {.program = "nanolab",
                             .help_command = "nanolab info --help",
                             .specs = specs,
                             .spec_count = 2};
    if (options_parse(&parser, argc, argv) != 0)
        return options_report();
    if (help) {
        printf("nanolab info: the devices here, everything that a result folder records about "
               "this machine\nand build (never environment, user or host name), and what spoils "
               "measurements here, with\nwhat to do about it.\n\nusage: nanolab info [--json]\n\n");
        options_print(specs, 2);
        return EXIT_DONE;
    }
    json_t *devices = json_array(), *software = provenance_software(),
           *machine = provenance_machine(), *warnings = provenance_warnings(machine);
    for (int kind = DEVICE_KINDS - 1; kind >= 0; kind--) {
        json_t *found = probe((enum device_kind)kind);
        json_array_extend(devices, found);
        json_decref(found);
    }
    if (json) {
        json_t *all = json_pack("{s:O, s:O, s:O, s:O}", "devices", devices, "software", software,
                                "machine", machine, "warnings", warnings);
        if (all)
            json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
        json_decref(all);
    } else {
        printf("devices\n");
        for (size_t i = 0; i < json_array_size(devices); i++)
            print_device(json_array_get(devices, i));
        print_group("recorded with every result: the build", software);
        print_group("recorded with every result: the machine", machine);
        printf("\nwhat spoils measurements here\n");
        for (size_t i = 0; i < json_array_size(warnings); i++) {
            const json_t *warning = json_array_get(warnings, i);
            printf("  %s\n      %s\n", json_string_value(json_object_get(warning, "problem")),
                   json_string_value(json_object_get(warning, "advice")));
        }
        if (json_array_size(warnings) == 0)
            printf("  nothing that was looked for\n");
    }
    json_decref(devices);
    json_decref(software);
    json_decref(machine);
    json_decref(warnings);
    return EXIT_DONE;
}
