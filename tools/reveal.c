/*
 * reveal.c: `nanolab reveal`: recovers the summation tree of one function from its outputs,
 * says what it is in words, and draws it. What is studied is one of this project's own plans, a
 * library's sum or dot product, or any function of a shared library, which runs in a program of its
 * own (reveal_child.c).
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/cli/options.h"
#include "harness/error.h"
#include "harness/page/home.h"
#include "harness/page/tool.h"
#include "harness/store/build_info.h"
#include "harness/store/result.h"
#include "kernels/tree/tree_lines.h"
#include "tools/reveal_answer.h"
#include "tools/reveal_subject.h"

static const char intro[] =
    "nanolab reveal: the order in which a function adds, found from its outputs alone.\n"
    "\n"
    "usage: nanolab reveal TARGET [options]\n"
    "       nanolab reveal --library FILE.so --symbol NAME [--dot] [--type T] [options]\n"
    "       nanolab reveal --cubin FILE --kernel NAME [--blocks N] [--threads N] [--dot] ...\n"
    "       nanolab reveal --list\n"
    "\n"
    "TARGET is a library's function (--list names them), or sum:PLAN, one of our own kernels;\n"
    "PLAN is a plan's id or some of its words: sum:b64.i2.shfl-xor, or sum: alone.\n"
    "cub is NVIDIA's cub::DeviceReduce::Sum, whose kernels and grids depend on the card. With\n"
    "--arch its own host code and its PTX run on the CPU, as on a card that is not here, and its\n"
    "machine code is asked too; --device sass:sm_90 takes the machine code alone. cub-f64 adds\n"
    "doubles; cub-int counts by an int and not a size_t, which is another tree on sm_100;\n"
    "cub-segment is cub::DeviceSegmentedReduce::Sum of one segment.\n"
    "A function of your own is  T f(const T *x, size_t n),  or a dot product with --dot,\n"
    "T f(const T *x, const T *y, size_t n).  It runs in a child process: it may crash.\n"
    "A kernel of your own, as machine code (nvcc -cubin -arch=sm_90), is a\n"
    "__global__ void f(const T *x, T *result, size_t n), with --dot (x, y, result, n); it runs on\n"
    "the CPU by one launch of --blocks blocks of --threads threads, and needs nvdisasm.\n"
    "\n";

static const char outro[] =
    "\n"
    "examples:\n"
    "  nanolab reveal openblas-sdot -n 100 --draw sdot.svg\n"
    "  nanolab reveal sum:b64.i4.shfl-xor -n 500 --device simt\n"
    "  nanolab reveal cub-f64 -n 1000 --arch sm_100 --draw b200.svg\n"
    "  nanolab reveal --library ./libmine.so --symbol my_sum --draw mine.png\n"
    "  nanolab reveal --cubin mine.cubin --kernel my_sum --threads 128\n"
    "\n"
    "exit status: 0 the tree was found and all checks passed; 1 there is none, and the reason has\n"
    "a name, or it was found and the function reads beyond its inputs; 2 usage or bad input, or "
    "your\n"
    "function could not be run; 77 no such hardware here.\n";

#define N_DEFAULT 64
#define DRAW_SECONDS 60
#define TEXT_WIDTH 250

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
    const char *format = strrchr(r->draw, '.') + 1;
    bool as_text = strcmp(format, "txt") == 0;
    int status = !out      ? -1
                 : as_text ? tree_write_lines(tree, out, 0, TEXT_WIDTH, true)
                           : tree_write_dot(tree, out, r->collapse);
    if (out && fclose(out))
        status = -1;
    if (status)
        fprintf(stderr,
                as_text ? "nanolab reveal: the tree is too deep to be drawn with characters; give "
                          "a smaller -n, or --draw FILE.svg\n"
                        : "nanolab reveal: not enough memory for the drawing\n");
    else if (as_text || strcmp(format, "dot") == 0)
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

/* What a library printed, harmless to a terminal. */
static void print_output(const char *text) {
    char shown[401];
    if (text[0])
        fprintf(stderr, "it printed: %s\n", text_plain(shown, sizeof shown, text));
}

static int reply(const struct request *r, const struct subject *s,
                 const struct recover_target *target, const struct recovery *found, size_t n,
                 const char *hint) {
    struct reply a = {.subject = s, .recovery = found, .n = n, .hint = hint};
    a.type = target->type;
    a.result = target->result;
    a.products = target->dot != NULL;
    if (found->tree) {
        a.words = tree_words(found->tree);
        a.text = tree_text(found->tree);
        const struct cub_plan *plan =
            s->built_in && s->built_in->plan ? s->built_in->plan(target) : NULL;
        struct tree *own = s->kind == SUBJECT_PLAN ? sum_variant_tree(&s->plan, n)
                           : plan                  ? cub_plan_tree(plan, n)
                                                   : NULL;
        a.cub = plan;
        a.compared = own != NULL;
        a.equal = own && tree_equal(own, found->tree);
        tree_free(own);
    }
    if (s->model)
        a.launched = ptx_noted_ptx(a.launches);
    a.asked_code = found->tree && s->model && !s->card.machine_code;
    if (a.asked_code)
        ask_code(s->built_in, &s->card, s->device, found, n, &a.code);
    if (r->json)
        print_json(&a);
    else
        print_text(&a);
    free(a.words);
    free(a.text);
    int status = found->status == RECOVER_FOUND && r->draw ? draw(found->tree, r) : EXIT_DONE;
    bool good = found->status == RECOVER_FOUND && !(a.compared && !a.equal) &&
                a.code.agree == a.code.inputs && !found->reads_behind && !found->reads_before;
    return status ? status : good ? EXIT_DONE : EXIT_BROKEN;
}

/* --- what else a function may be -------------------------------------------------------------- */

/* Does the library's function, taken to be of this kind, add three whole numbers? With `other`,
 * what it returns is read as the other type. */
static bool adds(const struct child_spec *spec, bool *other) {
    struct recover_target t = {0};
    double x64[3] = {1.0, 2.0, 4.0}, y64[3] = {1.0, 1.0, 1.0}, result = 0.0;
    float x32[3] = {1.0f, 2.0f, 4.0f}, y32[3] = {1.0f, 1.0f, 1.0f};
    bool wide = spec->type == ELEMENT_F64;
    const void *x = wide ? (const void *)x64 : x32, *y = wide ? (const void *)y64 : y32;
    bool good =
        child_target_open(&t, spec, 3) == 0 &&
        (spec->dot ? t.dot(t.context, x, y, 3, &result) : t.sum(t.context, x, 3, &result)) == 0;
    *other = good && child_target_other(&t) == 7.0;
    child_target_close(&t);
    return good && result == 7.0;
}

/* A next step for a function that does not add its inputs as it was said to, or NULL. */
static const char *hint_about(const struct subject *s) {
    struct child_spec spec = s->child;
    bool other;
    spec.seconds = spec.seconds > 0.0 && spec.seconds < 2.0 ? spec.seconds : 2.0;
    if (adds(&spec, &other))
        return NULL;
    if (other && spec.type == ELEMENT_F32)
        return spec.returns_f64 ? "it returns a float: leave --result out"
                                : "it returns a double: give --result f64";
    spec.type = spec.type == ELEMENT_F64 ? ELEMENT_F32 : ELEMENT_F64;
    spec.returns_f64 = false;
    bool fits = adds(&spec, &other);
    if (fits && spec.type == ELEMENT_F64)
        return "its inputs are doubles: give --type f64";
    if (fits)
        return "its inputs are floats: give --type f32";
    if (other && spec.type == ELEMENT_F32)
        return "its inputs are floats and it returns a double: give --type f32 --result f64";
    return NULL;
}

/* --- progress --------------------------------------------------------------------------------- */

struct progress {
    double from, next; /* seconds */
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A line now and then, for what takes its time. */
static void tell_progress(void *context, const char *step, size_t calls) {
    struct progress *p = context;
    if (calls % 16 || now() < p->next)
        return;
    p->next = now() + 5.0;
    fprintf(stderr, "nanolab reveal: %s, %zu calls, %.0f seconds so far\n", step, calls,
            now() - p->from);
}

/* As it is called, and what else it could be. */
static const char *form(const struct child_spec *spec) {
    bool wide = spec->type == ELEMENT_F64;
    if (spec->dot)
        return wide ? "double f(const double *x, const double *y, size_t n); without --dot as a sum"
                    : "float f(const float *x, const float *y, size_t n); --type f64 says doubles";
    return wide ? "double f(const double *x, size_t n); give --dot for a dot product"
                : "float f(const float *x, size_t n); give --dot for a dot product, --type f64 for "
                  "doubles";
}

static void complain(const char *about, const char *why) {
    fputs("nanolab reveal: ", stderr);
    if (about) {
        text_print(stderr, about);
        fputs(": ", stderr);
    }
    text_print(stderr, why);
    fputc('\n', stderr);
}

static int reveal(const struct request *r, struct subject *s) {
    struct recover_target target = {0};
    struct recovery found = {0};
    size_t n = r->n_given ? r->n : N_DEFAULT;
    if ((s->kind == SUBJECT_CUBIN || s->card.machine_code) && sass_reader_found() != 0) {
        complain(s->name, device_error());
        return EXIT_SKIPPED;
    }
    if (s->kind != SUBJECT_LIBRARY && s->kind != SUBJECT_CUBIN &&
        device_count(s->device_kind) == 0) {
        bool elsewhere = s->kind == SUBJECT_BUILT_IN && s->device_kind == DEVICE_CUDA;
        fprintf(stderr, "nanolab reveal: %s, not testable here: %s%s\n", s->name, device_error(),
                elsewhere ? "; or as on a card that is not here: --arch sm_90" : "");
        return EXIT_SKIPPED;
    }
    int status = EXIT_USAGE;
    struct progress progress = {.from = now(), .next = now() + 3.0};
    struct recover_options options = {
        .seed = r->seed, .progress = tell_progress, .progress_context = &progress};
    if (s->kind != SUBJECT_LIBRARY) /* which is ended in the midst of a call, too */
        options.seconds = (double)r->total_seconds;
    if (open_subject(s, &target, n)) {
        complain(s->name, device_error());
    } else if (recover(&target, n, &options, &found)) {
        bool ours = strstr(found.why, "failed") != NULL && device_error()[0];
        complain(ours || s->kind == SUBJECT_LIBRARY ? NULL : s->name,
                 ours ? device_error() : found.why);
        if (ours && found.calls <= 1 && s->kind == SUBJECT_LIBRARY)
            fprintf(stderr, "it was called as %s\n", form(&s->child));
    } else {
        bool wrong = found.status == RECOVER_WRONG && s->kind == SUBJECT_LIBRARY;
        const char *hint = wrong ? hint_about(s) : NULL;
        status = reply(r, s, &target, &found, n, hint);
    }
    if (s->kind == SUBJECT_LIBRARY)
        print_output(child_target_output(&target));
    recovery_free(&found);
    close_subject(s, &target);
    return status;
}

/* A standard file that is closed would be the next one that is opened. What is written there fails,
 * as it would have. */
static void keep_standard_files(void) {
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static int run(int argc, char **argv) {
    struct request r = {.collapse = 64, .total_seconds = TOTAL_SECONDS};
    struct subject s = {0};
    const struct option_spec specs[] = {
        {"-n", "N", "how many inputs (64)", OPTION_NUMBER, &r.n, &r.n_given},
        {"--draw", "FILE",
         "draws the tree: FILE.svg, FILE.png (by Graphviz), FILE.dot or "
         "FILE.txt",
         OPTION_TEXT, &r.draw, NULL},
        {"--collapse", "N", "draws a tree of more than N inputs by its regular parts (64)",
         OPTION_NUMBER, &r.collapse, NULL},
        {"--device", "DEV",
         "for sum:PLAN: cuda[:N], ptx, sass:sm_90, simt or cpu (a GPU if one works, else simt)",
         OPTION_TEXT, &r.device, NULL},
        {"--arch", "SM",
         "for cub: as on a card that is not here, sm_80 (A100), sm_90 (H100) or sm_100 (B200)",
         OPTION_TEXT, &r.card.arch, NULL},
        {"--sms", "N", "that card's multiprocessors (108, 132, 148)", OPTION_NUMBER, &r.card.sms,
         &r.card.sms_given},
        {"--occupancy", "N", "blocks that each of them holds (as many as 2048 threads make)",
         OPTION_NUMBER, &r.card.occupancy, &r.card.occupancy_given},
        {"--library", "FILE", "a shared library with a function of yours", OPTION_TEXT, &r.library,
         NULL},
        {"--symbol", "NAME", "that function", OPTION_TEXT, &r.symbol, NULL},
        {"--cubin", "FILE", "machine code with a kernel of yours", OPTION_TEXT, &r.cubin, NULL},
        {"--kernel", "NAME", "that kernel: its symbol, or its name in the source", OPTION_TEXT,
         &r.kernel, NULL},
        {"--blocks", "N", "of its launch (1)", OPTION_NUMBER, &r.blocks, &r.blocks_given},
        {"--threads", "N", "of each block (256)", OPTION_NUMBER, &r.threads, &r.threads_given},
        {"--dot", NULL, "it is a dot product", OPTION_FLAG, &r.dot, NULL},
        {"--type", "T", "f32 or f64 (f32)", OPTION_TEXT, &r.type, NULL},
        {"--result", "T", "f32 or f64, if it returns another type than its inputs'", OPTION_TEXT,
         &r.result, NULL},
        {"--time-limit", "S", "seconds that one call of it may take (10)", OPTION_NUMBER,
         &r.seconds, &r.seconds_given},
        {"--total-limit", "S", "seconds that all calls of it may take (600)", OPTION_NUMBER,
         &r.total_seconds, &r.total_given},
        {"--memory-limit", "MIB", "memory that it and its processes may have (2048)", OPTION_NUMBER,
         &r.megabytes, &r.memory_given},
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
    keep_standard_files();
    return options_end("nanolab reveal", run(argc, argv));
}
