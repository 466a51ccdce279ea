/*
 * driver_list.c: `nanolab list` and `nanolab verify`, the two commands that only look.
 */
#include <stdio.h>
#include <string.h>

#include "harness/cli/driver.h"
#include "harness/error.h"
#include "harness/stop.h"
#include "harness/store/pack.h"
#include "harness/store/verify.h"
#include "harness/text.h"

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void print_list(const char *label, const json_t *list) {
    printf("    %-8s", label);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        printf("%s%s", i ? ", " : "", text ? text : "?");
    }
    printf("%s\n", json_array_size(list) ? "" : "-");
}

static void print_lab(const json_t *lab) {
    printf("%s\n    %s\n", text_of(lab, "name"), text_of(lab, "question"));
    printf("    %-8s%s\n    %-8s%s\n", "needs", text_of(lab, "needs"), "takes",
           text_of(lab, "takes"));
    print_list("bits on", json_object_get(lab, "bits"));
    print_list("time on", json_object_get(lab, "time"));
    const json_t *claims = json_object_get(lab, "claims");
    printf("    %-8s", "claims");
    for (size_t i = 0; i < json_array_size(claims); i++)
        printf("%s%s", i ? ", " : "", text_of(json_array_get(claims, i), "id"));
    printf("\n");
}

int driver_list(const struct driver *driver, int argc, char **argv) {
    bool json = false, help = false;
    const struct option_spec specs[] = {
        {"--json", NULL, "the same as JSON", OPTION_FLAG, &json, NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &help, NULL},
    };
    struct options parser = {.program = "nanolab",
                             .help_command = "nanolab list --help",
                             .specs = specs,
                             .spec_count = 2};
    if (options_parse(&parser, argc, argv) != 0)
        return options_report();
    if (help) {
        printf("nanolab list: the labs, each by its own word: question, what it needs, about how "
               "long\nit takes, where it checks bits and measures time, and its claims.\n\n"
               "usage: nanolab list [--json]\n\n");
        options_print(specs, 2);
        printf("\nA lab is started by its number or name: nanolab run 01, nanolab run "
               "float-staging.\n");
        return EXIT_DONE;
    }
    if (driver->lab_count == 0) {
        options_fail(&parser, "no labs in %s; build them with `make`", driver->lab_dir);
        return options_report();
    }
    json_t *all = json_array();
    int status = EXIT_DONE;
    for (size_t i = 0; i < driver->lab_count; i++) {
        json_t *lab = driver_describe(driver, &parser, &driver->labs[i]);
        if (!lab) {
            /* The others can still be listed. */
            options_report();
            status = EXIT_BROKEN;
            continue;
        }
        if (!json)
            print_lab(lab);
        json_array_append_new(all, lab);
    }
    if (json) {
        json_dumpf(all, stdout, JSON_INDENT(1));
        putchar('\n');
    } else
        printf("\nNew here? nanolab tour: from nothing to a flipped bit, in ten minutes.\n");
    json_decref(all);
    return status;
}

static void print_verified(const json_t *summary, const char *dir) {
    const json_t *labs = json_object_get(summary, "labs");
    for (size_t i = 0; i < json_array_size(labs); i++) {
        const json_t *lab = json_array_get(labs, i);
        bool complete = strcmp(text_of(lab, "status"), "complete") == 0;
        printf("%-24s %-9s %6lld cases, %lld claims, %lld side files", text_of(lab, "lab"),
               text_of(lab, "status"), (long long)json_integer_value(json_object_get(lab, "cases")),
               (long long)json_integer_value(json_object_get(lab, "claims")),
               (long long)json_integer_value(json_object_get(lab, "side_files")));
        json_int_t dropped = json_integer_value(json_object_get(lab, "dropped_bytes"));
        if (dropped > 0)
            printf("; %lld bytes of a cut last line are dropped", (long long)dropped);
        printf("%s\n", complete ? "" : "; --resume finishes it");
        const json_t *ignored = json_object_get(lab, "ignored");
        for (size_t k = 0; k < json_array_size(ignored); k++) {
            printf("    ignored, since no end record seals it: ");
            text_print(stdout, json_string_value(json_array_get(ignored, k)));
            printf("\n");
        }
    }
    const json_t *rest = json_object_get(summary, "not_started");
    for (size_t i = 0; i < json_array_size(rest); i++) {
        const char *lab = json_string_value(json_array_get(rest, i));
        printf("%-24s not started; --resume runs it\n", lab ? lab : "?");
    }
    text_print(stdout, dir);
    printf(": everything that is there is intact%s\n",
           json_is_true(json_object_get(summary, "complete")) ? "" : "; the run is partial");
}

int driver_verify(const struct driver *driver, int argc, char **argv) {
    (void)driver;
    bool json = false, help = false;
    const struct option_spec specs[] = {
        {"--json", NULL, "the findings as JSON", OPTION_FLAG, &json, NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &help, NULL},
    };
    const char *dirs[argc];
    struct options parser = {.program = "nanolab",
                             .help_command = "nanolab verify --help",
                             .specs = specs,
                             .spec_count = 2,
                             .positional = dirs};
    if (options_parse(&parser, argc, argv) != 0)
        return options_report();
    if (help) {
        printf("nanolab verify: checks a result folder, or an archive of nanolab pack: shapes, "
               "hashes, side\nfiles, claims and their evidence. A run that was stopped is partial, "
               "and valid.\n\n"
               "usage: nanolab verify DIR|FILE [--json]\n\n");
        options_print(specs, 2);
        printf("\nexit status: 0 intact, 2 not (one line says which file and line).\n");
        return EXIT_DONE;
    }
    if (parser.positional_count != 1) {
        if (parser.positional_count == 0)
            options_fail(&parser, "verify needs a result folder; for example nanolab verify "
                                  "results/…");
        else
            options_fail(&parser, "verify takes one folder, not %zu; give them one by one",
                         parser.positional_count);
        return options_report();
    }
    json_t *summary = NULL;
    stop_catch(NULL);
    stop_hold(true); /* a private folder is not left behind */
    int status = pack_is_archive(dirs[0]) ? pack_verify(dirs[0], &summary)
                                          : verify_folder(dirs[0], &summary);
    stop_hold(false);
    if (status != 0) {
        options_fail(&parser, "%s", error_text());
        if (json) {
            json_t *bad = json_pack("{s:o, s:b, s:o}", "folder", text_json(dirs[0]), "intact", 0,
                                    "error", text_json(error_text()));
            if (bad)
                json_dumpf(bad, stdout, JSON_INDENT(1));
            putchar('\n');
            json_decref(bad);
        }
        return options_report();
    }
    if (json) {
        json_object_set_new(summary, "intact", json_true());
        json_dumpf(summary, stdout, JSON_INDENT(1));
        putchar('\n');
    } else {
        print_verified(summary, dirs[0]);
    }
    json_decref(summary);
    return EXIT_DONE;
}
