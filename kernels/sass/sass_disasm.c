/*
 * sass_disasm.c: what the instructions of a cubin are in words: nvdisasm's, run once for all of its
 * kernels.
 *
 * An instruction's text depends on its 128 bits alone, and where it jumps to on the distance from
 * it. So nvdisasm is given each of them once (of 470,000 in the sums' kernels these are 77,000), as
 * plain code without the ELF around it, and its output is kept (ptx_cache.h).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernels/device/device.h"
#include "kernels/ptx/ptx_cache.h"
#include "kernels/sass/sass.h"
#include "kernels/sass/sass_read.h"

extern char **environ;

#define SECONDS_MAX 300
#define LINE_MAX_MEAN 250 /* bytes of output for an instruction: 65 are usual */

/* --- the program ---------------------------------------------------------------------------------
 */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char nvdisasm[PATH_MAX];
static bool searched;

static bool use(const char *path) {
    if (!path || !*path || access(path, X_OK) != 0 || strlen(path) >= sizeof nvdisasm)
        return false;
    strcpy(nvdisasm, path);
    return true;
}

/* NAME in a folder of PATH. */
static bool in_path(const char *name, char out[PATH_MAX]) {
    const char *path = getenv("PATH");
    for (const char *at = path ? path : ""; *at;) {
        size_t length = strcspn(at, ":");
        if (snprintf(out, PATH_MAX, "%.*s/%s", (int)length, at, name) < PATH_MAX && length &&
            access(out, X_OK) == 0)
            return true;
        at += length + (at[length] == ':');
    }
    return false;
}

/* In the folder that nvcc is really in. */
static bool use_beside(const char *nvcc) {
    char real[PATH_MAX], path[PATH_MAX];
    char *slash = nvcc && realpath(nvcc, real) ? strrchr(real, '/') : NULL;
    if (!slash)
        return false;
    *slash = '\0';
    return snprintf(path, sizeof path, "%s/nvdisasm", real) < (int)sizeof path && use(path);
}

/* Where scripts/install-deps puts it: of several the one that sorts last. */
static bool use_installed(void) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char pattern[PATH_MAX];
    glob_t found;
    bool used = false;
    bool own = cache && *cache;
    int length = snprintf(pattern, sizeof pattern, "%s%s/nanolab/nvdisasm-*/nvidia/*/bin/nvdisasm",
                          own    ? cache
                          : home ? home
                                 : "",
                          own ? "" : "/.cache");
    if (length >= (int)sizeof pattern || glob(pattern, 0, NULL, &found) != 0)
        return false;
    for (size_t k = found.gl_pathc; !used && k-- > 0;)
        used = use(found.gl_pathv[k]);
    globfree(&found);
    return used;
}

int sass_reader_found(void) {
    char path[PATH_MAX];
    pthread_mutex_lock(&lock);
    if (!searched) {
        searched = true;
        if (!use(getenv("NVDISASM")) && !(in_path("nvdisasm", path) && use(path)) &&
            !use_beside(getenv("NVCC")) && !(in_path("nvcc", path) && use_beside(path)) &&
            !use_beside("/usr/local/cuda/bin/nvcc"))
            use_installed();
    }
    pthread_mutex_unlock(&lock);
    if (*nvdisasm)
        return 0;
    return device_fail("machine code is read by nvdisasm, which is not here: "
                       "scripts/install-deps --test brings it, or name it in $NVDISASM");
}

struct process {
    pid_t id;
    int out, error; /* what it writes */
};

static int start(struct process *p, const char *arch, const char *file) {
    char origin[40];
    snprintf(origin, sizeof origin, "0x%llx", (unsigned long long)SASS_ORIGIN);
    char *const argv[] = {nvdisasm,      "--binary",      (char *)arch,
                          "--print-raw", "--no-dataflow", "--base-address",
                          origin,        (char *)file,    NULL};
    int out[2], error[2];
    posix_spawn_file_actions_t actions;
    if (pipe2(out, O_CLOEXEC) != 0)
        return device_fail("nvdisasm cannot be started: %s", strerror(errno));
    if (pipe2(error, O_CLOEXEC) != 0) {
        close(out[0]), close(out[1]);
        return device_fail("nvdisasm cannot be started: %s", strerror(errno));
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, error[1], 2);
    int failed = posix_spawn(&p->id, nvdisasm, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]), close(error[1]);
    p->out = out[0], p->error = error[0];
    if (!failed)
        return 0;
    close(p->out), close(p->error);
    return device_fail("%s cannot be started: %s", nvdisasm, strerror(failed));
}

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec;
}

/* Reads both ends until they are closed: `text` of at most `room` bytes, and the beginning of what
 * it complains of. NULL, or why not. */
static const char *listen(const struct process *p, char *text, size_t room, size_t *length,
                          char *complaint, size_t complaint_size) {
    struct pollfd ends[2] = {{p->out, POLLIN, 0}, {p->error, POLLIN, 0}};
    long until = now() + SECONDS_MAX;
    size_t said = 0;
    char rest[4096];
    *length = 0;
    while (ends[0].fd >= 0 || ends[1].fd >= 0) {
        int ready = poll(ends, 2, 1000);
        if (now() > until)
            return "takes too long";
        if (ready < 0 && errno != EINTR)
            return "cannot be read";
        for (int k = 0; ready > 0 && k < 2; k++) {
            if (ends[k].fd < 0 || !ends[k].revents)
                continue;
            bool full = k == 1 && said + 1 >= complaint_size;
            ssize_t n = k == 0 ? read(p->out, text + *length, room - *length)
                        : full ? read(p->error, rest, sizeof rest)
                               : read(p->error, complaint + said, complaint_size - 1 - said);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                ends[k].fd = -1;
            else if (k == 0 && (*length += (size_t)n) == room)
                return "says more than it should";
            else if (k == 1 && !full)
                said += (size_t)n;
        }
    }
    complaint[said] = '\0';
    return NULL;
}

static void one_line(char *text) {
    text[strcspn(text, "\n")] = '\0';
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

/* What nvdisasm says of the code in `file`: malloc'd, with a NUL behind it. */
static char *disassemble(const char *file, unsigned arch, size_t count, size_t *length) {
    char name[16], complaint[300] = "";
    struct process p;
    int status = 0;
    size_t room = count * LINE_MAX_MEAN + 4096;
    char *text = malloc(room + 1);
    snprintf(name, sizeof name, "SM%u", arch);
    if (!text) {
        device_fail("out of memory");
        return NULL;
    }
    if (start(&p, name, file) != 0) {
        free(text);
        return NULL;
    }
    const char *why = listen(&p, text, room, length, complaint, sizeof complaint);
    if (why)
        kill(p.id, SIGKILL);
    close(p.out), close(p.error);
    while (waitpid(p.id, &status, 0) < 0 && errno == EINTR)
        ;
    one_line(complaint);
    if (why)
        device_fail("%s %s", nvdisasm, why);
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        device_fail("%s does not read code of sm_%u: %s", nvdisasm, arch, complaint);
    else {
        text[*length] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

/* --- the dictionary ------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b) {
    const struct sass_word *x = a, *y = b;
    for (int k = 0; k < 2; k++)
        if (x->code[k] != y->code[k])
            return x->code[k] < y->code[k] ? -1 : 1;
    return 0;
}

int sass_dictionary_words(struct sass_dictionary *out, const struct sass_elf *elf,
                          char why[SASS_WHY]) {
    *out = (struct sass_dictionary){0};
    out->words = malloc(elf->size + sizeof *out->words); /* kernels do not overlap */
    if (!out->words) {
        snprintf(why, SASS_WHY, "out of memory");
        return -1;
    }
    size_t count = 0;
    for (size_t k = 0; k < elf->section_count; k++) {
        const struct sass_section *section = &elf->sections[k];
        if (strncmp(section->name, ".text.", 6) != 0 || !section->bytes)
            continue;
        size_t words = section->size / SASS_STEP;
        if (words)
            memcpy(out->words + count, section->bytes, words * SASS_STEP);
        count += words;
    }
    qsort(out->words, count, sizeof *out->words, compare);
    for (size_t k = 0; k < count; k++)
        if (out->count == 0 || compare(&out->words[out->count - 1], &out->words[k]) != 0)
            out->words[out->count++] = out->words[k];
    return 0;
}

/* The instruction of a line, which begins with its address as a comment and ends in a semicolon;
 * NULL: it is no such line, or not of that address. */
static char *line_text(char *line, int64_t address) {
    char *end;
    line += strspn(line, " \t");
    for (const char *c = line; *c; c++)
        if (*c < ' ' || *c > '~')
            return NULL;
    if (strncmp(line, "/*", 2) != 0)
        return NULL;
    long long at = strtoll(line + 2, &end, 16);
    if (at != address || strncmp(end, "*/", 2) != 0)
        return NULL;
    end += 2;
    end += strspn(end, " \t");
    char *semicolon = strchr(end, ';');
    if (!semicolon || semicolon[1 + strspn(semicolon + 1, " \t")])
        return NULL;
    while (semicolon > end && semicolon[-1] == ' ')
        semicolon--;
    *semicolon = '\0';
    return end;
}

int sass_dictionary_split(struct sass_dictionary *dictionary, char *text, char why[SASS_WHY]) {
    size_t count = 0;
    dictionary->text = text;
    dictionary->texts = calloc(dictionary->count + 1, sizeof *dictionary->texts);
    if (!dictionary->texts) {
        snprintf(why, SASS_WHY, "out of memory");
        return -1;
    }
    for (char *line = text, *next; *line; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        line[length] = '\0';
        if (!line[strspn(line, " \t\r")])
            continue;
        char shown[80];
        snprintf(shown, sizeof shown, "%s", line + strspn(line, " \t"));
        one_line(shown);
        char *one = count < dictionary->count
                        ? line_text(line, SASS_ORIGIN + (int64_t)count * SASS_STEP)
                        : NULL;
        if (!one) {
            snprintf(why, SASS_WHY, "a line that is no instruction, or not the next: %s", shown);
            return -1;
        }
        dictionary->texts[count++] = one;
    }
    if (count != dictionary->count) {
        snprintf(why, SASS_WHY, "it has texts for %zu of %zu instructions", count,
                 dictionary->count);
        return -1;
    }
    return 0;
}

/* The words as a file for nvdisasm, and its output. */
static char *make_text(const struct sass_dictionary *dictionary, unsigned arch, const char *path,
                       size_t *length) {
    char file[PTX_CACHE_PATH + 40];
    static unsigned count;
    char *text = NULL;
    snprintf(file, sizeof file, "%s.%ld.%u.code", path, (long)getpid(),
             __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED));
    if (ptx_cache_write(file, dictionary->words, dictionary->count * SASS_STEP) == 0)
        text = disassemble(file, arch, dictionary->count, length);
    unlink(file);
    return text;
}

int sass_dictionary_fill(struct sass_dictionary *dictionary, unsigned arch) {
    char how[PATH_MAX + 100], name[PTX_CACHE_NAME], path[PTX_CACHE_PATH], why[SASS_WHY];
    struct stat about;
    size_t length;
    if (sass_reader_found() != 0)
        return -1;
    if (stat(nvdisasm, &about) != 0)
        return device_fail("%s: %s", nvdisasm, strerror(errno));
    /* Another nvdisasm may say it otherwise. */
    int how_size = snprintf(how, sizeof how, "%s %lld %lld sm_%u", nvdisasm,
                            (long long)about.st_size, (long long)about.st_mtime, arch);
    ptx_cache_name(how, (size_t)how_size, dictionary->words, dictionary->count * SASS_STEP, name);
    if (ptx_cache_path("sass", name, path) != 0)
        return -1;
    char *text = ptx_cache_read(path, &length), *copy = NULL;
    if (!text) {
        text = make_text(dictionary, arch, path, &length);
        copy = text ? malloc(length + 1) : NULL;
        if (copy)
            memcpy(copy, text, length);
    }
    if (!text)
        return -1;
    int status = sass_dictionary_split(dictionary, text, why);
    if (status != 0) {
        device_fail("%s: %s", nvdisasm, why);
        free(dictionary->texts);
        free(dictionary->text);
        dictionary->texts = NULL;
        dictionary->text = NULL;
    } else if (copy) {
        status = ptx_cache_keep(path, copy, length);
    }
    free(copy);
    return status;
}

ptrdiff_t sass_dictionary_find(const struct sass_dictionary *dictionary, const uint64_t code[2]) {
    struct sass_word key = {{code[0], code[1]}};
    const struct sass_word *found =
        bsearch(&key, dictionary->words, dictionary->count, sizeof key, compare);
    return found ? found - dictionary->words : -1;
}

void sass_dictionary_free(struct sass_dictionary *dictionary) {
    free(dictionary->words);
    free(dictionary->texts);
    free(dictionary->text);
    *dictionary = (struct sass_dictionary){0};
}
