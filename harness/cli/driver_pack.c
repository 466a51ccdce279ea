/*
 * driver_pack.c: `nanolab pack` and `nanolab unpack`: one archive of a result folder, and back.
 */
#include <stdio.h>
#include <string.h>

#include "harness/cli/driver.h"
#include "harness/error.h"
#include "harness/stop.h"
#include "harness/store/folder.h"
#include "harness/store/pack.h"
#include "harness/store/trim.h"
#include "harness/text.h"

/* What differs between the two. */
struct direction {
    const char *name, *help_command, *what, *missing, *many, *out_value, *out_help, *tail;
    int (*run)(const char *from, const char *to, struct pack *out);
    int (*trim)(const char *from, const char *to, struct pack *out); /* NULL: there is no --trim */
    void (*name_of)(char *out, size_t size, const char *from);
};

/* The last part of a path, without slashes at its end. */
static void last_part(char *out, size_t size, const char *path) {
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    snprintf(out, size, "%.*s", (int)(end - begin), path + begin);
}

static void archive_of(char *out, size_t size, const char *dir) {
    char name[FOLDER_PATH];
    last_part(name, sizeof name, dir);
    bool is_name = folder_name_is_plain(name);
    snprintf(out, size, "%s" PACK_SUFFIX, is_name ? name : "result");
}

static void folder_of(char *out, size_t size, const char *archive) {
    char name[FOLDER_PATH];
    size_t tail = strlen(PACK_SUFFIX);
    last_part(name, sizeof name, archive);
    size_t length = strlen(name);
    if (length > tail && strcmp(name + length - tail, PACK_SUFFIX) == 0)
        name[length - tail] = '\0';
    else
        snprintf(name + length, sizeof name - length, "-unpacked");
    snprintf(out, size, "%s", name);
}

static const struct direction packing = {
    .name = "pack",
    .help_command = "nanolab pack --help",
    .what = "nanolab pack: one archive of a result folder, to send or to keep.\n"
            "\n"
            "usage: nanolab pack DIR [--out FILE] [--trim]\n"
            "\n"
            "The folder is checked first, and all that nanolab verify vouches for is packed: no\n"
            "plots and no pages, which plot and report draw again. The same folder gives the same\n"
            "bytes, and no name of a user, of a machine or of this folder is in them.\n"
            "\n"
            "--trim makes it small, to be kept beside the source: verdicts, medians, intervals,\n"
            "plans, rows and tables stay as they are, of samples some stay, and of long series of\n"
            "bits their hash; results/README.md has the rule.\n"
            "\n",
    .missing = "pack needs a result folder; for example nanolab pack results/...",
    .many = "pack takes one folder, not %zu; pack them one by one",
    .out_value = "FILE",
    .out_help = "the archive; without it DIR" PACK_SUFFIX " here",
    .tail = "\nThe content's hash that is printed names what is in it; unpack and verify print it, "
            "too.\n",
    .run = pack_folder,
    .trim = trim_pack,
    .name_of = archive_of,
};

static const struct direction unpacking = {
    .name = "unpack",
    .help_command = "nanolab unpack --help",
    .what =
        "nanolab unpack: the result folder of an archive that nanolab pack made.\n"
        "\n"
        "usage: nanolab unpack FILE [--out DIR]\n"
        "\n"
        "Only what a result folder holds is unpacked, nothing outside of it, and it is checked "
        "as\n"
        "nanolab verify does before it gets its name: an edited archive leaves nothing behind.\n"
        "\n",
    .missing = "unpack needs an archive; for example nanolab unpack mine" PACK_SUFFIX,
    .many = "unpack takes one archive, not %zu; unpack them one by one",
    .out_value = "DIR",
    .out_help = "the folder to make; without it FILE less " PACK_SUFFIX ", here",
    .tail = "",
    .run = pack_open,
    .name_of = folder_of,
};

static int convert(const struct direction *d, int argc, char **argv) {
    bool help = false, trim = false;
    const char *out = NULL, *from[argc];
    const struct option_spec specs[] = {
        {"--out", d->out_value, d->out_help, OPTION_TEXT, &out, NULL},
        {"--help", NULL, "this page", OPTION_FLAG, &help, NULL},
        {"--trim", NULL, "some of the samples, and no long series", OPTION_FLAG, &trim, NULL},
    };
    size_t spec_count = d->trim ? 3 : 2;
    struct options parser = {.program = "nanolab",
                             .help_command = d->help_command,
                             .specs = specs,
                             .spec_count = spec_count,
                             .positional = from};
    if (options_parse(&parser, argc, argv) != 0)
        return options_report();
    if (help) {
        fputs(d->what, stdout);
        options_print(specs, spec_count);
        printf("%s\nexit status: 0 done, 2 not (one line says why).\n", d->tail);
        return EXIT_DONE;
    }
    if (parser.positional_count == 0)
        options_fail(&parser, "%s", d->missing);
    else if (parser.positional_count > 1)
        options_fail(&parser, d->many, parser.positional_count);
    if (parser.positional_count != 1)
        return options_report();
    char name[FOLDER_PATH], shown[FOLDER_PATH];
    struct pack pack;
    if (!out) {
        d->name_of(name, sizeof name, from[0]);
        out = name;
    }
    stop_catch(NULL);
    if ((trim ? d->trim : d->run)(from[0], out, &pack) != 0) {
        options_fail(&parser, "%s", error_text());
        return options_report();
    }
    printf("%s: %zu files, %.1f MB, content %s\n", text_plain(shown, sizeof shown, out), pack.files,
           (double)pack.bytes / 1e6, pack.content);
    return EXIT_DONE;
}

int driver_pack(const struct driver *driver, int argc, char **argv) {
    (void)driver;
    return convert(&packing, argc, argv);
}

int driver_unpack(const struct driver *driver, int argc, char **argv) {
    (void)driver;
    return convert(&unpacking, argc, argv);
}
