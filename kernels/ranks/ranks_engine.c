/*
 * ranks_engine.c: what starts ranks, and whether it is here.
 *
 * The program lies in libexec of the tree that this executable was built in. What starts it is
 * found in PATH, or is the command line in NANOLAB_MPIRUN, which is split into words as a shell
 * splits them, and given to no shell.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

#include "kernels/device/libexec.h"
#include "kernels/ranks/ranks_inside.h"
#include "kernels/ranks/ranks_nccl.h"

__attribute__((format(printf, 2, 3))) static int says(char *why, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, RANKS_WHY, format, args);
    va_end(args);
    return -1;
}

static const char *package_of(enum ranks_engine engine) {
#define RANKS_PACKAGE(value, word, package) package,
    static const char *const packages[] = {RANKS_ENGINES(RANKS_PACKAGE)};
    return packages[engine];
}

int ranks_program(enum ranks_engine engine, char *path, size_t size, char *why) {
    const char *name = engine == RANKS_SMPI ? "smpi" : "openmpi";
    char program[40];
    snprintf(program, sizeof program, "nanolab-ranks-%s", name);
    if (libexec_find(program, path, size) == 0)
        return 0;
    return says(why, "libexec/nanolab-ranks-%s was not built: install %s, then run make", name,
                engine == RANKS_SMPI ? package_of(RANKS_SMPI) : package_of(RANKS_OPENMPI));
}

/* --- what starts it ----------------------------------------------------------------------------
 */

/* malloc'ed; NULL: not in PATH. */
static char *find_in_path(const char *name) {
    const char *path = getenv("PATH");
    char *whole = NULL;
    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? strdup(name) : NULL;
    for (path = path ? path : ""; *path;) {
        size_t length = strcspn(path, ":");
        if (length > 0 && asprintf(&whole, "%.*s/%s", (int)length, path, name) < 0)
            return NULL;
        if (length > 0 && access(whole, X_OK) == 0)
            return whole;
        if (length > 0)
            free(whole);
        path += length + (path[length] == ':');
    }
    return NULL;
}

static int split(const char *command, struct ranks_starter *out, char *why) {
    wordexp_t words = {0};
    int bad = wordexp(command, &words, WRDE_NOCMD | WRDE_UNDEF);
    if (bad != 0 || words.we_wordc < 1 || words.we_wordc >= RANKS_STARTER_WORDS) {
        if (bad == 0 || bad == WRDE_NOSPACE)
            wordfree(&words);
        return says(why,
                    "NANOLAB_MPIRUN=\"%.200s\" is no command line: words and quotes, no variable "
                    "that is not set, none of |&;<>(){}, at most %d words",
                    command, RANKS_STARTER_WORDS - 1);
    }
    char *path = find_in_path(words.we_wordv[0]);
    if (!path)
        says(why, "NANOLAB_MPIRUN=\"%.200s\": no program %.100s in PATH", command,
             words.we_wordv[0]);
    for (size_t k = 1; path && k < words.we_wordc; k++)
        out->word[k] = strdup(words.we_wordv[k]);
    out->word[0] = path;
    wordfree(&words);
    return path ? 0 : -1;
}

int ranks_starter_open(struct ranks_starter *out, enum ranks_engine engine, char *why) {
    /* Debian's own name comes first: mpirun may be another MPI's. */
    static const char *const names[][2] = {{"mpirun.openmpi", "mpirun"}, {"smpirun", NULL}};
    const char *const *name = names[engine == RANKS_SMPI], *own = getenv("NANOLAB_MPIRUN");
    *out = (struct ranks_starter){0};
    if (engine != RANKS_SMPI && own && *own)
        return split(own, out, why);
    out->word[0] = find_in_path(name[0]);
    if (!out->word[0] && name[1])
        out->word[0] = find_in_path(name[1]);
    if (out->word[0])
        return 0;
    return says(why, "no %s in PATH: install %s", engine == RANKS_SMPI ? "smpirun" : "mpirun",
                engine == RANKS_SMPI ? package_of(RANKS_SMPI) : package_of(RANKS_OPENMPI));
}

void ranks_starter_close(struct ranks_starter *starter) {
    for (size_t k = 0; k < RANKS_STARTER_WORDS; k++)
        free(starter->word[k]);
    *starter = (struct ranks_starter){0};
}

/* --- for callers -------------------------------------------------------------------------------
 */

int ranks_engine_check(enum ranks_engine engine, char *why) {
    char program[3100], reason[RANKS_WHY];
    struct ranks_starter starter;
    unsigned counts[RANKS_COUNTS_MOST];
    const char *own = getenv("NANOLAB_MPIRUN"), *list = getenv("NANOLAB_RANKS"),
               *gpus = getenv("NANOLAB_GPUS");
    if (engine != RANKS_SMPI && list && *list && ranks_counts(counts, RANKS_COUNTS_MOST) == 0)
        return says(why,
                    "NANOLAB_RANKS=\"%.100s\" is not a list of 1 to %d numbers of ranks, each 2 to "
                    "%d; such as \"2 4 8\"",
                    list, RANKS_COUNTS_MOST, RANKS_MOST);
    if (ranks_program(engine, program, sizeof program, why) != 0 ||
        ranks_starter_open(&starter, engine, why) != 0)
        return -1;
    ranks_starter_close(&starter);
    /* Other machines have theirs, where ranks are started on those. */
    bool alone = !(own && *own) && !(gpus && *gpus);
    if (engine != RANKS_NCCL || ranks_nccl_check(alone ? 2 : 1, reason) == 0)
        return 0;
    return says(why, "%.*s", RANKS_WHY - 1, reason);
}

/* The first line that a program prints. */
static void first_line(char *const *argv, char *line, size_t size) {
    int ends[2];
    pid_t pid;
    size_t used = 0;
    *line = '\0';
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    int bad = posix_spawn(&pid, argv[0], &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    for (ssize_t got = 1; !bad && got > 0 && used + 1 < size; used += (size_t)got)
        if ((got = read(ends[0], line + used, size - 1 - used)) <= 0)
            break;
    close(ends[0]);
    line[used] = '\0';
    line[strcspn(line, "\n")] = '\0';
    while (!bad && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

char *ranks_engine_version(enum ranks_engine engine, char *out) {
    char program[3100], line[200] = "", why[RANKS_WHY], number[40];
    struct ranks_starter starter;
    struct ranks_nccl *nccl;
    *out = '\0';
    if (engine == RANKS_NCCL) {
        if (ranks_nccl_load(&nccl, why) == 0) {
            ranks_nccl_name(nccl, out);
            ranks_nccl_unload(nccl);
        }
        return out;
    }
    if (ranks_program(engine, program, sizeof program, why) != 0 ||
        ranks_starter_open(&starter, engine, why) != 0)
        return out;
    if (engine == RANKS_SMPI) {
        first_line((char *[]){starter.word[0], "-version", NULL}, line, sizeof line);
        if (sscanf(line, "SimGrid version %39s", number) == 1)
            snprintf(out, 64, "SimGrid %s", number);
    } else {
        /* Of the library: what starts it may be another program. */
        first_line((char *[]){program, "--version", NULL}, line, sizeof line);
        if (sscanf(line, "Open MPI v%39[^ ,]", number) == 1)
            snprintf(out, 64, "Open MPI %s", number);
    }
    ranks_starter_close(&starter);
    return out;
}

size_t ranks_counts(unsigned *counts, size_t most) {
    const char *text = getenv("NANOLAB_RANKS");
    size_t count = 0;
    while (text && *(text += strspn(text, " ,"))) {
        char *end;
        unsigned long value = strtoul(text, &end, 10);
        if (end == text || value < 2 || value > RANKS_MOST || count == most)
            return 0;
        counts[count++] = (unsigned)value;
        text = end;
    }
    return count;
}
