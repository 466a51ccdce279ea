/*
 * workshop_trial.h: of `nanolab workshop`: what was tried, what came of it, and the list of it. Not
 * a header for others: workshop.c is its only reader.
 */
#ifndef NANOLAB_TOOLS_WORKSHOP_TRIAL_H
#define NANOLAB_TOOLS_WORKSHOP_TRIAL_H

enum answer { WORKS, FAILS, BEWARE, NOT_HERE, ANSWERS };
static const char *const answer_words[] = {"works", "fails", "beware", "not here"};
static const char *const answer_keys[] = {"works", "fails", "beware", "not_here"};

struct trial {
    const char *group;
    char name[64];
    enum answer answer;
    char said[600];     /* what was seen */
    char without[200];  /* what a class goes without where it does not work; or "" */
    char packages[200]; /* Debian's, that mend it, or "" */
    char mend[400];     /* what to do, or to type; or "" */
    double seconds;
};

#define TRIALS_MOST 160

struct workshop {
    bool fast;
    const char *out;          /* where results would go */
    char home[FOLDER_PATH];   /* the tree with exercises, or "" */
    bool source;              /* it can be built in: it has a Makefile */
    char bin[FOLDER_PATH];    /* the folder of this program */
    char folder[FOLDER_PATH]; /* a private one */
    const char *const *labs;  /* the labs asked for; all if there are none */
    size_t lab_count;
    json_t *list; /* of `nanolab list --json` */
    size_t count;
    struct trial trials[TRIALS_MOST];
    struct timespec begin; /* of the trial in hand */
    bool progress;
};

static double seconds_since(const struct timespec *begin) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - begin->tv_sec) + 1e-9 * (double)(now.tv_nsec - begin->tv_nsec);
}

/* The next trial; the last one, again and again, where there are more than fit. */
static struct trial *trial_begin(struct workshop *w, const char *group, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static struct trial *trial_begin(struct workshop *w, const char *group, const char *format, ...) {
    struct trial *t = &w->trials[w->count < TRIALS_MOST ? w->count++ : TRIALS_MOST - 1];
    va_list arguments;
    *t = (struct trial){.group = group, .answer = WORKS};
    va_start(arguments, format);
    vsnprintf(t->name, sizeof t->name, format, arguments);
    va_end(arguments);
    text_flatten(t->name);
    clock_gettime(CLOCK_MONOTONIC, &w->begin);
    if (w->progress)
        fprintf(stderr, "trying %s\n", t->name);
    return t;
}

static void trial_say(struct workshop *w, struct trial *t, enum answer answer, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));

static void trial_say(struct workshop *w, struct trial *t, enum answer answer, const char *format,
                      ...) {
    va_list arguments;
    t->answer = answer;
    t->seconds = seconds_since(&w->begin);
    va_start(arguments, format);
    vsnprintf(t->said, sizeof t->said, format, arguments);
    va_end(arguments);
    text_flatten(t->said);
}

/* Only a Debian has these commands; elsewhere the names help to find the right packages. */
static void install_command(const char *packages, char *out, size_t size) {
    const char *how = !tool_exists("apt-get") ? "install what Debian calls"
                      : geteuid() == 0        ? "apt-get install"
                                              : "sudo apt-get install";
    snprintf(out, size, "%s %s", how, packages);
}

/* Names the packages that mend it. */
static void trial_packages(struct trial *t, const char *packages) {
    snprintf(t->packages, sizeof t->packages, "%s", packages);
    install_command(packages, t->mend, sizeof t->mend);
}

/* Runs a program of this user's, in the private folder. 0 with how it ended, or -1 with a line in
 * error_text(): it is not installed, was too slow, crashed. */
static int attempt(const struct workshop *w, double seconds, const char *const *argv,
                   const char *package, struct tool_end *end, char **output) {
    size_t length;
    struct tool_run tool = {.argv = argv,
                            .package = package,
                            .folder = w->folder,
                            .seconds = seconds,
                            .ours = true,
                            .end = end};
    return tool_run(&tool, output, output ? &length : NULL);
}

/* The same, where only exit status 0 will do: else the trial fails, and says why. */
static int attempt_works(struct workshop *w, struct trial *t, double seconds,
                         const char *const *argv, const char *packages) {
    struct tool_end end = {0};
    if (!tool_exists(argv[0]))
        trial_say(w, t, FAILS, "%s is not installed", argv[0]);
    else if (attempt(w, seconds, argv, packages, &end, NULL) != 0)
        trial_say(w, t, FAILS, "%s", error_text());
    else if (end.status != 0)
        trial_say(w, t, FAILS, "%s: exit status %d%s%s", argv[0], end.status,
                  *end.complaint ? ": " : "", end.complaint);
    else
        return 0;
    trial_packages(t, packages);
    return -1;
}

/* A file of the private folder. */
static int put_file(const struct workshop *w, const char *name, const char *text) {
    struct folder folder;
    if (folder_open(&folder, w->folder) != 0)
        return -1;
    int status = folder_write(&folder, name, text, strlen(text));
    folder_close(&folder);
    return status;
}

/* 0: it is not there. */
static size_t file_bytes(const struct workshop *w, const char *name) {
    char path[2 * FOLDER_PATH];
    struct stat about;
    snprintf(path, sizeof path, "%s/%s", w->folder, name);
    return stat(path, &about) == 0 ? (size_t)about.st_size : 0;
}

#endif
