/*
 * reveal.c: `nanolab reveal`: recovers the summation tree of one function from its outputs,
 * says what it is in words, and draws it. What is studied is one of this project's own plans, a
 * library's sum or dot product, or any function of a shared library, which runs in a child process.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/options.h"
#include "harness/error.h"
#include "harness/page/home.h"
#include "harness/page/tool.h"
#include "harness/store/build_info.h"
#include "harness/store/result.h"
#include "harness/text.h"
#include "kernels/tree/child_target.h"
#include "kernels/tree/plan_target.h"
#include "kernels/tree/recover.h"
#include "kernels/tree/targets.h"

static const char intro[] =
    "nanolab reveal: the order in which a function adds, found from its outputs alone.\n"
    "\n"
    "usage: nanolab reveal TARGET [options]\n"
    "       nanolab reveal --library FILE.so --symbol NAME [--dot] [--type T] [options]\n"
    "       nanolab reveal --list\n"
    "\n"
    "TARGET is a library's function (--list names them), or sum:PLAN, one of our own kernels;\n"
    "PLAN is a plan's id or some of its words: sum:b64.i2.shfl-xor, or sum: alone.\n"
    "A function of your own is  T f(const T *x, size_t n),  or a dot product with --dot,\n"
    "T f(const T *x, const T *y, size_t n).  It runs in a child process: it may crash.\n"
    "\n";

static const char outro[] =
    "\n"
    "examples:\n"
    "  nanolab reveal openblas-sdot -n 100 --draw sdot.svg\n"
    "  nanolab reveal sum:b64.i4.shfl-xor -n 500 --device simt\n"
    "  nanolab reveal --library ./libmine.so --symbol my_sum --draw mine.png\n"
    "\n"
    "exit status: 0 the tree was found and all checks passed; 1 there is none, and the reason has\n"
    "a name; 2 usage or bad input, or your function could not be run; 77 no such hardware here.\n";

struct request {
    const char *target, *library, *symbol, *type, *draw, *device;
    uint64_t n, seed, collapse, seconds;
    bool n_given, seconds_given, dot, list, json, help, version, describe;
};

/* Text of more characters is left to the drawing and to --json. */
#define TEXT_SHOWN 2000
#define N_DEFAULT 64
#define DRAW_SECONDS 60

/* --- what is studied -------------------------------------------------------------------------- */

enum subject_kind { SUBJECT_PLAN, SUBJECT_BUILT_IN, SUBJECT_LIBRARY };

struct subject {
    enum subject_kind kind;
    struct sum_variant plan;
    const struct tree_target *built_in;
    struct child_spec child;
    char library_path[4096];
    enum device_kind device_kind;
    int device_index;
    struct device *device;
    char name[SUM_TEXT + 8]; /* as the answer calls it */
    char what[200];          /* the library and its version, or what kind of thing it is */
};

static int list_targets(bool json) {
    size_t count;
    const struct tree_target *all = tree_targets(&count);
    json_t *array = json_array();
    if (!json)
        printf("%-16s our own kernels; words of a plan, such as sum:b64.i2.shfl-xor "
               "(on cuda, simt or cpu)\n",
               "sum:PLAN");
    for (size_t k = 0; k < count; k++)
        if (json)
            json_array_append_new(array,
                                  json_pack("{s:s, s:s, s:s}", "target", all[k].name, "what",
                                            all[k].what, "device", device_kind_name(all[k].kind)));
        else
            printf("%-16s %s (on %s)\n", all[k].name, all[k].what, device_kind_name(all[k].kind));
    if (json) {
        json_dumpf(array, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(array);
    return EXIT_DONE;
}

static int choose_device(const struct options *parser, const struct request *r, struct subject *s) {
    struct option_device listed[OPTION_DEVICES_MAX];
    size_t count = 0;
    if (!r->device) {
        s->device_kind = device_count(DEVICE_CUDA) > 0 ? DEVICE_CUDA : DEVICE_SIMT;
        return 0;
    }
    if (options_devices(parser, r->device, listed, &count))
        return -1;
    if (count != 1)
        return options_fail(parser, "--device takes one device here; give cpu, simt or cuda");
    s->device_kind = listed[0].kind;
    s->device_index = listed[0].index;
    return 0;
}

static int plan_subject(const struct options *parser, const struct request *r, struct subject *s) {
    char why[SUM_WHY], native_why[SUM_WHY], text[SUM_TEXT];
    const char *words = r->target + strlen("sum:");
    if (choose_device(parser, r, s))
        return -1;
    s->kind = SUBJECT_PLAN;
    if (sum_variant_parse(words, s->device_kind, &s->plan, why)) {
        /* Words of a native plan choose the CPU by themselves. */
        if (r->device || sum_variant_parse(words, DEVICE_CPU, &s->plan, native_why))
            return options_fail(parser, "sum:%s: %s", words, why);
        s->device_kind = DEVICE_CPU;
    }
    snprintf(s->name, sizeof s->name, "sum:%s", sum_variant_text(&s->plan, text));
    return 0;
}

static int built_in_subject(const struct options *parser, const struct request *r,
                            struct subject *s) {
    size_t count;
    const struct tree_target *all = tree_targets(&count);
    s->kind = SUBJECT_BUILT_IN;
    s->built_in = tree_target_named(r->target);
    if (!s->built_in) {
        const char *names[33] = {"sum:"};
        for (size_t k = 0; k < count && k < 32; k++)
            names[k + 1] = all[k].name;
        const char *near = options_nearest(r->target, names, count + 1);
        if (strncmp(r->target, "cub", 3) == 0)
            return options_fail(parser,
                                "this build has no CUDA and so no target %s; build with "
                                "nvcc",
                                r->target);
        if (near)
            return options_fail(parser, "unknown target \"%s\"; did you mean %s?", r->target, near);
        return options_fail(parser, "unknown target \"%s\"; see nanolab reveal --list", r->target);
    }
    s->device_kind = s->built_in->kind;
    if (r->device) {
        struct option_device listed[OPTION_DEVICES_MAX];
        size_t devices = 0;
        if (options_devices(parser, r->device, listed, &devices))
            return -1;
        if (devices != 1 || listed[0].kind != s->device_kind)
            return options_fail(parser, "%s runs on %s only; leave --device out", r->target,
                                device_kind_name(s->device_kind));
        s->device_index = listed[0].index;
    }
    snprintf(s->name, sizeof s->name, "%s", s->built_in->name);
    return 0;
}

static int library_subject(const struct options *parser, const struct request *r,
                           struct subject *s) {
    s->kind = SUBJECT_LIBRARY;
    if (!r->library || !r->symbol)
        return options_fail(parser, "--library and --symbol go together; give %s",
                            r->library ? "--symbol NAME" : "--library FILE.so");
    if (r->device)
        return options_fail(parser, "--library runs on the CPU; leave --device out");
    s->child = (struct child_spec){
        .symbol = r->symbol, .type = ELEMENT_F32, .dot = r->dot, .seconds = (double)r->seconds};
    if (r->type && strcmp(r->type, "f64") == 0)
        s->child.type = ELEMENT_F64;
    else if (r->type && strcmp(r->type, "f32") != 0)
        return options_fail(parser, "--type is f32 or f64, not \"%s\"", r->type);
    /* dlopen would look for a bare name elsewhere. */
    if (snprintf(s->library_path, sizeof s->library_path, "%s%s",
                 strchr(r->library, '/') ? "" : "./", r->library) >= (int)sizeof s->library_path)
        return options_fail(parser, "the path of --library is too long");
    if (access(s->library_path, R_OK))
        return options_fail(parser, "cannot read %s; give the path of a shared library (.so)",
                            r->library);
    s->child.library = s->library_path;
    s->device_kind = DEVICE_CPU;
    snprintf(s->name, sizeof s->name, "%.80s", r->symbol);
    snprintf(s->what, sizeof s->what, "%s, %s", r->library,
             s->child.type == ELEMENT_F64 ? "f64" : "f32");
    return 0;
}

static int check_request(const struct options *parser, struct request *r, struct subject *s) {
    bool library = r->library || r->symbol;
    if (!library && !r->target)
        return options_fail(parser, "nothing to reveal; give a target (see %s)",
                            "nanolab reveal --list) or --library and --symbol (see --help");
    if (library && r->target)
        return options_fail(parser, "a target and --library exclude each other; give one");
    if (!library && (r->dot || r->type || r->seconds_given))
        return options_fail(parser, "%s belongs to --library; leave it out",
                            r->dot    ? "--dot"
                            : r->type ? "--type"
                                      : "--time-limit");
    if (r->n_given && (r->n == 0 || r->n > RECOVER_MAX))
        return options_fail(parser, "-n is %llu; give 1 to %zu", (unsigned long long)r->n,
                            RECOVER_MAX);
    if (r->seconds_given && (r->seconds == 0 || r->seconds > 3600))
        return options_fail(parser, "--time-limit is %llu; give 1 to 3600 seconds",
                            (unsigned long long)r->seconds);
    if (r->collapse == 0 || r->collapse > 4096)
        return options_fail(parser, "--collapse is %llu; give 1 to 4096",
                            (unsigned long long)r->collapse);
    if (r->draw) {
        const char *dot = strrchr(r->draw, '.');
        if (!dot || (strcmp(dot, ".svg") && strcmp(dot, ".png") && strcmp(dot, ".dot")))
            return options_fail(parser, "--draw %s: end the name in .svg, .png or .dot", r->draw);
    }
    if (library)
        return library_subject(parser, r, s);
    return strncmp(r->target, "sum:", 4) == 0 ? plan_subject(parser, r, s)
                                              : built_in_subject(parser, r, s);
}

/* Starts the subject. -1 with device_error(). */
static int open_subject(struct subject *s, struct recover_target *target, size_t n) {
    if (s->kind == SUBJECT_LIBRARY)
        return child_target_open(target, &s->child, n);
    if (device_open(&s->device, s->device_kind, s->device_index))
        return -1;
    if (s->kind == SUBJECT_PLAN) {
        snprintf(s->what, sizeof s->what, "%s", device_model(s->device));
        return plan_target_open(target, &s->plan, n, s->device);
    }
    int status = s->built_in->open(target, n, s->device);
    if (!status)
        s->built_in->version(s->what, sizeof s->what);
    return status;
}

static void close_subject(struct subject *s, struct recover_target *target) {
    if (s->kind == SUBJECT_LIBRARY)
        child_target_close(target);
    else if (s->kind == SUBJECT_PLAN)
        plan_target_close(target);
    else if (target->context)
        s->built_in->close(target);
    if (s->device)
        device_close(s->device);
}

/* --- the drawing ------------------------------------------------------------------------------ */

static int write_whole(const char *path, const char *data, size_t size) {
    FILE *out = fopen(path, "w");
    bool good = out && fwrite(data, 1, size, out) == size;
    if (out && fclose(out))
        good = false;
    if (!good)
        fprintf(stderr, "nanolab reveal: cannot write %s; give another name to --draw\n", path);
    return good ? 0 : -1;
}

/* Graphviz turns tree.dot of a private folder into an image. */
static int render(const char *dot, size_t size, const char *format, char **image, size_t *length) {
    char folder[FOLDER_PATH], file[FOLDER_PATH + 16];
    if (home_private(folder, sizeof folder))
        return -1;
    snprintf(file, sizeof file, "%s/tree.dot", folder);
    FILE *out = fopen(file, "w");
    int status = out && fwrite(dot, 1, size, out) == size ? 0 : -1;
    if (out && fclose(out))
        status = -1;
    char argument[16];
    snprintf(argument, sizeof argument, "-T%s", format);
    const char *const argv[] = {"dot", argument, NULL};
    struct tool_run tool = {.argv = argv,
                            .package = "graphviz",
                            .folder = folder,
                            .input = "tree.dot",
                            .seconds = DRAW_SECONDS};
    if (!status)
        status = tool_run(&tool, image, length);
    home_private_remove(folder);
    return status;
}

/* 0, or the exit status. */
static int draw(const struct tree *tree, const struct request *r) {
    char *dot = NULL, *image = NULL;
    size_t size = 0, length = 0;
    FILE *out = open_memstream(&dot, &size);
    int status = out ? tree_write_dot(tree, out, r->collapse) : -1;
    if (out && fclose(out))
        status = -1;
    const char *format = strrchr(r->draw, '.') + 1;
    if (status)
        fprintf(stderr, "nanolab reveal: not enough memory for the drawing\n");
    else if (strcmp(format, "dot") == 0)
        status = write_whole(r->draw, dot, size);
    else if (render(dot, size, format, &image, &length)) {
        fprintf(stderr, "nanolab reveal: %s (--draw FILE.dot needs no Graphviz)\n", error_text());
        status = -1;
    } else {
        status = write_whole(r->draw, image, length);
    }
    free(dot);
    free(image);
    return status ? EXIT_USAGE : EXIT_DONE;
}

/* --- the answer ------------------------------------------------------------------------------- */

/* What a child printed, harmless to a terminal, in quotes. */
static void print_output(const char *text) {
    char shown[401];
    if (text[0])
        fprintf(stderr, "it printed: %s\n", text_plain(shown, sizeof shown, text));
}

struct reply {
    const struct subject *subject;
    const struct recovery *recovery;
    size_t n;
    bool compared, equal; /* with the plan's own tree */
    char *words, *text;
};

static void print_text(const struct reply *a) {
    const struct recovery *f = a->recovery;
    bool products = a->subject->kind == SUBJECT_LIBRARY && a->subject->child.dot;
    printf("target   %s%s\n", a->subject->name, products ? " (dot product)" : "");
    printf("         %s\n", a->subject->what);
    printf("n        %zu\n", a->n);
    if (f->status != RECOVER_FOUND) {
        printf("verdict  no tree: %s\n", recover_status_name(f->status));
        printf("         %s\n", f->why);
        printf("calls    %zu\n", f->calls);
        return;
    }
    printf("shape    %s\n", a->words ? a->words : "");
    printf("depth    %zu additions\n", tree_depth(f->tree));
    printf("rule     %s\n", f->rule);
    if (f->loses_negative_zero)
        printf("         a sum of -0 only is +0: it starts from +0\n");
    if (f->address_matters)
        printf("         for inputs at a 64-byte boundary; at other addresses its bits differ\n");
    printf("checks   %zu measured sizes agree with the tree, %zu fresh pairs, %zu with unequal "
           "units;\n         bits of %zu of %zu random inputs\n",
           f->rechecked, f->fresh, f->weighted, f->data_sets, f->data_sets);
    printf("calls    %zu to find the order, %zu in all\n", f->probes, f->calls);
    if (a->compared)
        printf("plan     %s\n", a->equal ? "this is the tree that the plan's model has"
                                         : "NOT the tree that the plan's model has: our bug");
    if (a->text && strlen(a->text) <= TEXT_SHOWN)
        printf("tree     %s\n", a->text);
    printf("verdict  %s, all checks passed\n", recover_status_name(f->status));
}

static int print_json(const struct reply *a) {
    const struct recovery *f = a->recovery;
    json_t *o =
        json_pack("{s:o, s:o, s:s, s:I, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "target",
                  text_json(a->subject->name), "what", text_json(a->subject->what), "device",
                  device_kind_name(a->subject->device_kind), "n", (json_int_t)a->n, "verdict",
                  recover_status_name(f->status), "found", f->status == RECOVER_FOUND, "probes",
                  (json_int_t)f->probes, "calls", (json_int_t)f->calls, "rechecked",
                  (json_int_t)f->rechecked, "fresh", (json_int_t)f->fresh, "weighted",
                  (json_int_t)f->weighted, "data_sets", (json_int_t)f->data_sets);
    if (!o)
        return -1;
    if (f->status == RECOVER_FOUND) {
        json_object_set_new(o, "rule", json_string(f->rule));
        json_object_set_new(o, "shape", json_string(a->words ? a->words : ""));
        json_object_set_new(o, "depth", json_integer((json_int_t)tree_depth(f->tree)));
        json_object_set_new(o, "subnormals_flushed", json_boolean(f->subnormals_flushed));
        json_object_set_new(o, "loses_negative_zero", json_boolean(f->loses_negative_zero));
        json_object_set_new(o, "address_matters", json_boolean(f->address_matters));
        if (a->compared)
            json_object_set_new(o, "equals_plan", json_boolean(a->equal));
        json_object_set_new(o, "tree", json_string(a->text ? a->text : ""));
    } else {
        json_object_set_new(o, "why", text_json(f->why));
    }
    int status = json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
    return status;
}

static int reply(const struct request *r, const struct subject *s, const struct recovery *found,
                 size_t n) {
    struct reply a = {.subject = s, .recovery = found, .n = n};
    if (found->tree) {
        a.words = tree_words(found->tree);
        a.text = tree_text(found->tree);
        struct tree *own = s->kind == SUBJECT_PLAN ? sum_variant_tree(&s->plan, n) : NULL;
        a.compared = own != NULL;
        a.equal = own && tree_equal(own, found->tree);
        tree_free(own);
    }
    if (r->json)
        print_json(&a);
    else
        print_text(&a);
    free(a.words);
    free(a.text);
    if (found->status != RECOVER_FOUND || (a.compared && !a.equal))
        return EXIT_BROKEN;
    return r->draw ? draw(found->tree, r) : EXIT_DONE;
}

static int reveal(const struct request *r, struct subject *s) {
    struct recover_target target = {0};
    struct recovery found = {0};
    size_t n = r->n_given ? r->n : N_DEFAULT;
    if (s->kind != SUBJECT_LIBRARY && device_count(s->device_kind) == 0) {
        fprintf(stderr, "nanolab reveal: not testable here: %s\n", device_error());
        return EXIT_SKIPPED;
    }
    int status = EXIT_USAGE;
    struct recover_options options = {.seed = r->seed};
    if (open_subject(s, &target, n)) {
        fprintf(stderr, "nanolab reveal: %s: %s\n", s->name, device_error());
    } else if (recover(&target, n, &options, &found)) {
        bool ours = strstr(found.why, "failed") != NULL && device_error()[0];
        fprintf(stderr, "nanolab reveal: %s\n", ours ? device_error() : found.why);
    } else {
        status = reply(r, s, &found, n);
    }
    if (s->kind == SUBJECT_LIBRARY)
        print_output(child_target_output(&target));
    recovery_free(&found);
    close_subject(s, &target);
    return status;
}

static int run(int argc, char **argv) {
    struct request r = {.collapse = 64};
    struct subject s = {0};
    const struct option_spec specs[] = {
        {"-n", "N", "how many inputs (64)", OPTION_NUMBER, &r.n, &r.n_given},
        {"--draw", "FILE", "draws the tree: FILE.svg, FILE.png (by Graphviz) or FILE.dot",
         OPTION_TEXT, &r.draw, NULL},
        {"--collapse", "N", "draws a tree of more than N inputs by its regular parts (64)",
         OPTION_NUMBER, &r.collapse, NULL},
        {"--device", "DEV", "for sum:PLAN: cuda[:N], simt or cpu (a GPU if one works, else simt)",
         OPTION_TEXT, &r.device, NULL},
        {"--library", "FILE", "a shared library with a function of yours", OPTION_TEXT, &r.library,
         NULL},
        {"--symbol", "NAME", "that function", OPTION_TEXT, &r.symbol, NULL},
        {"--dot", NULL, "it is a dot product", OPTION_FLAG, &r.dot, NULL},
        {"--type", "T", "f32 or f64 (f32)", OPTION_TEXT, &r.type, NULL},
        {"--time-limit", "S", "seconds that one call of it may take (10)", OPTION_NUMBER,
         &r.seconds, &r.seconds_given},
        {"--seed", "N", "of the random checks (0)", OPTION_NUMBER, &r.seed, NULL},
        {"--json", NULL, "the answer as JSON", OPTION_FLAG, &r.json, NULL},
        {"--list", NULL, "the built-in targets", OPTION_FLAG, &r.list, NULL},
        {"--help", NULL, "this text", OPTION_FLAG, &r.help, NULL},
        {"--version", NULL, "the version", OPTION_FLAG, &r.version, NULL},
        {"--describe", NULL, NULL, OPTION_FLAG, &r.describe, NULL}, /* for `nanolab --help` */
    };
    const char **positional = calloc((size_t)argc + 1, sizeof *positional);
    struct options parser = {.program = "nanolab reveal",
                             .help_command = "nanolab reveal --help",
                             .specs = specs,
                             .spec_count = sizeof specs / sizeof *specs,
                             .positional = positional};
    int status = positional ? options_parse(&parser, argc, argv) : EXIT_USAGE;
    r.target = status == 0 && parser.positional_count ? positional[0] : NULL;
    if (status == 0 && parser.positional_count > 1)
        status = options_fail(&parser, "one target at a time; \"%s\" is too much", positional[1]);
    free(positional);
    if (status)
        return options_report();
    if (r.help) {
        fputs(intro, stdout);
        options_print(specs, sizeof specs / sizeof *specs);
        fputs(outro, stdout);
        return EXIT_DONE;
    }
    if (r.describe) {
        puts("{\"arguments\": \"TARGET\", "
             "\"summary\": \"recovers and draws the summation tree of a function\"}");
        return EXIT_DONE;
    }
    if (r.version) {
        printf("nanolab %s\n", build_version());
        return EXIT_DONE;
    }
    if (r.list)
        return list_targets(r.json);
    if (check_request(&parser, &r, &s))
        return options_report();
    return reveal(&r, &s);
}

int main(int argc, char **argv) {
    return options_end("nanolab reveal", run(argc, argv));
}
