/*
 * cli_fixture.h: for cli_test.c and driver_test.c: five tiny labs, a fresh folder in which this
 * executable's copies are bin/nanolab and labs/NN-name, and a way to type commands there.
 */
#ifndef NANOLAB_HARNESS_CLI_FIXTURE_H
#define NANOLAB_HARNESS_CLI_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness/cli/driver.h"
#include "harness/cli/options.h"
#include "harness/lab/run.h"
#include "harness/store/reader.h"
#include "harness/store/result.h"

/* --- the tiny labs --- */

#define TINY_CASES 40

static void nap(long milliseconds) {
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

static int tiny_sweep(struct lab_run *run, struct device *device) {
    lab_expect(run, TINY_CASES);
    for (uint64_t i = 0; i < TINY_CASES && !lab_stopping(run); i++) {
        struct lab_case *c = lab_case_begin(run, device_id(device), "97/tiny/n=%d", (int)i);
        if (!c)
            continue;
        nap(4);
        uint64_t square = i * i;
        case_param_int(c, "n", (int64_t)i);
        case_series_bits(c, "square", 32, &square, 1);
        if (lab_case_end(c) != 0)
            return -1;
    }
    lab_note(run, "tiny indeed");
    return 0;
}

static int tiny_predict(struct lab_run *run) {
    (void)run;
    return printf("prediction: every square is a square\n") > 0 ? 0 : -1;
}

static void check_squares(const struct rows *rows, struct finding *f) {
    for (size_t k = 0; k < rows->count; k++) {
        uint64_t n = (uint64_t)row_number(rows, k, "n");
        finding_count(f, answer_if(row_series_bits(rows, k, "square", 0) == n * n), rows, k);
    }
    finding_say(f, "%d squares are squares", (int)f->held);
    finding_settle(f, SETTLE_ALL, "some squares");
}

static void check_broken(const struct rows *rows, struct finding *f) {
    finding_predicted(f, false, rows, 0);
    for (size_t k = 1; k < rows->count; k++)
        finding_predicted(f, true, rows, k);
    finding_say(f, "%d squares are squares", (int)f->held);
    finding_settle(f, SETTLE_ALL, "some squares");
}

/* Ends without a verdict: refused. */
static void check_nothing(const struct rows *rows, struct finding *f) {
    finding_say(f, "the oracle is out, %zu cases or not", rows->count);
}

static int fail_to_run(struct lab_run *run, struct device *device) {
    (void)device;
    return lab_error(run, "the sweep has no data\nat all");
}

#define TINY_CLAIM(name, words, how, judge)                                                        \
    {                                                                                              \
        .id = name, .statement = words, .on = CLAIM_BITS, .cases = "97/tiny/", .sweep = how,       \
        .check = judge                                                                             \
    }
static const struct claim tiny_claims[] = {
    TINY_CLAIM("T1", "squares are squares", tiny_sweep, check_squares)};
static const struct claim dead_claims[] = {
    TINY_CLAIM("T1", "squares are squares", fail_to_run, check_squares)};
static const struct claim bad_claims[] = {
    TINY_CLAIM("T1", "squares are squares", tiny_sweep, check_squares),
    TINY_CLAIM("T2", "bits hold", tiny_sweep, check_broken),
    TINY_CLAIM("T3", "oracles know", tiny_sweep, check_nothing)};
static const struct quantity tiny_quantities[] = {{"n", "1", "what is squared"}};

#define ON_CPU LAB_ON(DEVICE_CPU)
#define TINY_QUANTITIES .quantities = tiny_quantities, .quantity_count = 1, .predict = tiny_predict
static const struct lab tiny_labs[] = {
    {.number = 94,
     .name = "dead",
     .question = "Does it run?",
     .needs = "luck",
     .takes = "0 s",
     .bits_devices = ON_CPU,
     .claims = dead_claims,
     .claim_count = 1,
     TINY_QUANTITIES},
    {.number = 95,
     .name = "bug",
     .question = "Whose bug?",
     .needs = "a CPU",
     .takes = "1 s",
     .bits_devices = ON_CPU,
     .claims = bad_claims,
     .claim_count = 2,
     TINY_QUANTITIES},
    {.number = 96,
     .name = "gpu",
     .question = "Is there a GPU?",
     .needs = "a GPU",
     .takes = "1 s",
     .bits_devices = LAB_ON(DEVICE_CUDA),
     .time_devices = LAB_ON(DEVICE_CUDA),
     .claims = tiny_claims,
     .claim_count = 1,
     TINY_QUANTITIES},
    {.number = 97,
     .name = "tiny",
     .question = "Are squares square?",
     .needs = "a CPU",
     .takes = "1 s",
     .bits_devices = ON_CPU,
     .time_devices = ON_CPU,
     .claims = tiny_claims,
     .claim_count = 1,
     TINY_QUANTITIES},
    {.number = 98,
     .name = "oracle",
     .question = "Who knows?",
     .needs = "a CPU",
     .takes = "1 s",
     .bits_devices = ON_CPU,
     .claims = bad_claims + 2,
     .claim_count = 1,
     TINY_QUANTITIES},
};
#define LABS (sizeof tiny_labs / sizeof tiny_labs[0])

/* --- typing a command --- */

static char root[] = "/tmp/cli-of-nanolab-XXXXXX";
static char said[65536], warned[65536]; /* what the last command wrote to stdout and stderr */

static void slurp(const char *name, char *text, size_t size) {
    int fd = open(name, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
}

static rlim_t file_limit = RLIM_INFINITY; /* of the next command, for a full disk */
static bool as_nobody;                    /* start the next command without root's rights */

/* Starts "bin/nanolab …" or "labs/…" with the words of a line, split at blanks; two quotes are
 * an empty word. */
static pid_t start(const char *line) {
    char copy[2048];
    char *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word && argc < 31; word = strtok(NULL, " "))
        argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
    argv[argc] = NULL;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int out = open("stdout", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int err = open("stderr", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        const struct rlimit limit = {file_limit, file_limit};
        bool fine = setrlimit(RLIMIT_FSIZE, &limit) == 0;
        if (as_nobody && geteuid() == 0)
            fine = fine && setgid(65534) == 0 && setuid(65534) == 0;
        if (fine)
            execv(argv[0], argv);
        _exit(126);
    }
    return child;
}

static int finish(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    slurp("stdout", said, sizeof said);
    slurp("stderr", warned, sizeof warned);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int type(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int type(const char *format, ...) {
    char line[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return finish(start(line));
}

#define assert_status(wanted, ...)                                                                 \
    do {                                                                                           \
        int got_ = type(__VA_ARGS__);                                                              \
        if (got_ != (wanted))                                                                      \
            fail_msg("status %d instead of %d\nstdout: %s\nstderr: %s", got_, (wanted), said,      \
                     warned);                                                                      \
    } while (0)

#define assert_in(text, words)                                                                     \
    do {                                                                                           \
        if (!strstr((text), (words)))                                                              \
            fail_msg("expected \"%s\" in:\n%s", (words), (text));                                  \
    } while (0)

static bool exists(const char *name) {
    return access(name, F_OK) == 0;
}

static int copy_self(const char *to) {
    char buffer[65536];
    int from = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
    ssize_t n = -1;
    while (from >= 0 && out >= 0 && (n = read(from, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, (size_t)n) != n)
            n = -1;
    close(from);
    return close(out) == 0 && n == 0 ? 0 : -1;
}

static int begin(void **state) {
    (void)state;
    /* Readable by all, for the test that gives root's rights up. */
    if (!mkdtemp(root) || chmod(root, 0755) != 0 || chdir(root) != 0 || mkdir("bin", 0755) != 0 ||
        mkdir("labs", 0755) != 0)
        return -1;
    if (copy_self("bin/nanolab") != 0 || link("bin/nanolab", "bin/nanolab-echo") != 0)
        return -1;
    for (size_t i = 0; i < LABS; i++) {
        char path[100];
        snprintf(path, sizeof path, "labs/%02d-%s", tiny_labs[i].number, tiny_labs[i].name);
        if (link("bin/nanolab", path) != 0)
            return -1;
    }
    return 0;
}

static int end(void **state) {
    (void)state;
    /* chdir first: the folder must not be in use. */
    char command[100];
    snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", root, root);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

/* A tool: says what it is, or repeats its words and ends with status 7. */
static int echo(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--describe") == 0) {
        puts("{\"arguments\": \"WORDS\", \"summary\": \"repeats its words\"}");
        return 0;
    }
    for (int k = 0; k < argc; k++)
        printf("%s%c", argv[k], k + 1 < argc ? ' ' : '\n');
    return 7;
}

/* main() of the copies: driver, tiny lab or tool, by the name they were started with. */
static bool plays_a_part(int argc, char **argv, int *status) {
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    for (size_t i = 0; i < LABS; i++) {
        char folder[80];
        run_lab_folder(&tiny_labs[i], folder, sizeof folder);
        if (strcmp(name, folder) == 0) {
            *status = run_main(&tiny_labs[i], argc, argv);
            return true;
        }
    }
    bool tool = strcmp(name, "echo") == 0 || strncmp(name, "nanolab-", 8) == 0;
    if (!tool && strcmp(name, "nanolab") != 0)
        return false;
    *status = tool ? echo(argc, argv) : driver_main(argc, argv);
    return true;
}

#endif
