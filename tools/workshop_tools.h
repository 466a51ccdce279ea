/*
 * workshop_tools.h: of `nanolab workshop`: programs of others, each tried with a small piece of
 * what a class does with it. Not a header for others: workshop.c is its only reader.
 */
#ifndef NANOLAB_TOOLS_WORKSHOP_TOOLS_H
#define NANOLAB_TOOLS_WORKSHOP_TOOLS_H

#define TOOL_SECONDS 60

static const char *in_folder(const struct workshop *w, const char *name,
                             char path[2 * FOLDER_PATH]) {
    snprintf(path, 2 * FOLDER_PATH, "%s/%s", w->folder, name);
    return path;
}

/* As exercises are compiled (scripts/check-exercise), and run. */
static void try_c_compiler(struct workshop *w) {
    static const char program[] = "#include <math.h>\n"
                                  "int main(int argc, char **argv) {\n"
                                  "    volatile float a = 16777216.0f, b = 1.0f;\n"
                                  "    float tied = a + b;\n"
                                  "    return !(*argv && tied == a && sqrt(4.0 * argc) == 2.0);\n"
                                  "}\n";
    char made[2 * FOLDER_PATH];
    const char *const compile[] = {"gcc", "-O1", "-std=c11", "-ffp-contract=off", "try.c", "-lm",
                                   "-o",  "try", NULL};
    const char *const run[] = {in_folder(w, "try", made), NULL};
    struct trial *t = trial_begin(w, "programs", "C compiler");
    snprintf(t->without, sizeof t->without, "no exercise can be checked; built labs run");
    if (put_file(w, "try.c", program) != 0)
        trial_say(w, t, FAILS, "%s", error_text());
    else if (attempt_works(w, t, TOOL_SECONDS, compile, "gcc libc6-dev") == 0 &&
             attempt_works(w, t, TOOL_SECONDS, run, "gcc libc6-dev") == 0)
        trial_say(w, t, WORKS, "gcc compiled a program, and it ran and rounded as it should");
}

/* A real kernel by the Makefile's own rules, where there is a source tree. */
static void try_kernel_compiler(struct workshop *w) {
    char option[2 * FOLDER_PATH], simt[3 * FOLDER_PATH], checked[3 * FOLDER_PATH];
    snprintf(option, sizeof option, "B=%s", w->folder);
    snprintf(simt, sizeof simt, "%s/obj/kernels/chase/chase.cu.simt.o", w->folder);
    snprintf(checked, sizeof checked, "%s/obj/kernels/chase/chase.cu.checked.o", w->folder);
    const char *const make[] = {"make", "--no-print-directory",   "-C", w->home, option,
                                simt,   w->fast ? NULL : checked, NULL};
    if (!w->source)
        return;
    struct trial *t = trial_begin(w, "programs", "clang++, by make");
    snprintf(t->without, sizeof t->without,
             "no lab is built again, and no lab with a kernel is written; built labs run");
    if (attempt_works(w, t, 2 * TOOL_SECONDS, make, "make clang libclang-rt-14-dev binutils") == 0)
        trial_say(w, t, WORKS, "a kernel was built for the simulated GPU%s",
                  w->fast ? "" : ", plain and checked");
}

/* A program that makes one file of another. */
struct maker {
    const char *name, *package, *without, *input, *text, *made;
    const char *argv[8];
    bool needed;
};

static const struct maker makers[] = {
    {.name = "gnuplot",
     .package = "gnuplot-nox fonts-dejavu-core",
     .without = "pages have no plots, only tables",
     .input = "try.gp",
     .text = "set terminal svg font 'DejaVu Sans,11'\nset output 'try.svg'\nplot x\n"
             "set terminal pngcairo font 'DejaVu Sans,11'\nset output 'try.png'\nplot x\n",
     .made = "try.png",
     .argv = {"gnuplot", "-d", "try.gp"},
     .needed = true},
    {.name = "graphviz",
     .package = "graphviz",
     .without = "`nanolab reveal --draw` draws no tree; it prints it",
     .input = "try.dot",
     .text = "digraph { a -> b }\n",
     .made = "try-tree.svg",
     .argv = {"dot", "-Tsvg", "-o", "try-tree.svg", "try.dot"},
     .needed = true},
    {.name = "pandoc",
     .package = "pandoc",
     .without = "`make slides` and `make kit` make no slides here; a class needs none of it",
     .input = "try.md",
     .text = "# A slide\n\ntext\n",
     .made = "try.html",
     .argv = {"pandoc", "--from", "markdown", "--to", "html", "--output", "try.html", "try.md"},
     .needed = false},
};

static void try_maker(struct workshop *w, const struct maker *m) {
    const char *argv[9] = {NULL};
    memcpy(argv, m->argv, sizeof m->argv);
    struct trial *t = trial_begin(w, "programs", "%s", m->name);
    snprintf(t->without, sizeof t->without, "%s", m->without);
    if (put_file(w, m->input, m->text) != 0)
        trial_say(w, t, FAILS, "%s", error_text());
    else if (attempt_works(w, t, TOOL_SECONDS, argv, m->package) != 0)
        t->answer = m->needed ? FAILS : NOT_HERE;
    else if (file_bytes(w, m->made) == 0) {
        trial_say(w, t, FAILS, "%s ended well and made no file", argv[0]);
        trial_packages(t, m->package);
    } else
        trial_say(w, t, WORKS, "%s made a file of %zu bytes", argv[0], file_bytes(w, m->made));
}

/* What the build takes, as the one list of it says. Nothing is installed. */
static void try_packages(struct workshop *w) {
    static const char script[] =
        "scripts/install-deps --list --engines | cut -f 1 | while read -r p; do "
        "dpkg-query -W -f '${db:Status-Status}' \"$p\" 2>/dev/null | grep -qx installed || "
        "printf '%s ' \"$p\"; done";
    char command[FOLDER_PATH + sizeof script + 16], *missing = NULL;
    struct tool_end end = {0};
    const char *const argv[] = {"sh", "-c", command, NULL};
    if (!w->source)
        return;
    struct trial *t = trial_begin(w, "programs", "packages");
    snprintf(t->without, sizeof t->without, "what they are for: scripts/install-deps --list");
    if (!tool_exists("dpkg-query")) {
        trial_say(w, t, BEWARE, "this is no Debian: nobody can tell what is installed");
        snprintf(t->mend, sizeof t->mend, "compare with scripts/install-deps --list --engines");
        return;
    }
    snprintf(command, sizeof command, "cd '%s' && %s", w->home, script);
    if (strchr(w->home, '\''))
        trial_say(w, t, BEWARE, "the tree's path has a quotation mark in it: not asked");
    else if (attempt(w, TOOL_SECONDS, argv, "dash", &end, &missing) != 0 || end.status != 0)
        trial_say(w, t, FAILS, "scripts/install-deps --list failed: %s",
                  *end.complaint ? end.complaint : error_text());
    else if (*missing) {
        missing[strcspn(missing, "\n")] = '\0';
        missing[strlen(missing) - (missing[strlen(missing) - 1] == ' ')] = '\0';
        trial_say(w, t, BEWARE, "not installed: %s", missing);
        trial_packages(t, missing);
    } else
        trial_say(w, t, WORKS, "all that scripts/install-deps lists is installed");
    free(missing);
}

static void try_nvcc(struct workshop *w) {
    static const char path[] = "/usr/local/cuda/bin/nvcc";
    const char *const argv[] = {
        tool_exists("nvcc") ? "nvcc" : path, "-ptx", "-o", "try.ptx", "try.cu", NULL};
    struct trial *t = trial_begin(w, "programs", "nvcc");
    snprintf(t->without, sizeof t->without,
             "no CUDA kernels for GPUs, and no `--device ptx` or `sass`; nobody needs them");
    struct tool_end end = {0};
    if (!tool_exists(argv[0])) {
        trial_say(w, t, NOT_HERE, "no nvcc in PATH, nor in /usr/local/cuda/bin");
    } else if (put_file(w, "try.cu", "__global__ void k(float *x) { *x += 1; }\n") != 0 ||
               attempt(w, TOOL_SECONDS, argv, "nvidia-cuda-toolkit", &end, NULL) != 0 ||
               end.status != 0) {
        trial_say(w, t, FAILS, "%s does not compile a kernel: %s", argv[0],
                  *end.complaint ? end.complaint : error_text());
        snprintf(t->mend, sizeof t->mend,
                 "install the CUDA toolkit anew, or build with `make NVCC=`");
    } else
        trial_say(w, t, WORKS, "nvcc compiled a kernel to PTX");
}

static void try_programs(struct workshop *w) {
    try_c_compiler(w);
    try_kernel_compiler(w);
    try_packages(w);
    for (size_t k = 0; k < sizeof makers / sizeof *makers; k++)
        try_maker(w, makers + k);
    try_nvcc(w);
}

#endif
