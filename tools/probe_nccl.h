/*
 * probe_nccl.h: NCCL as far as one GPU goes: starting, sums of one rank, a wait that ends at its
 * deadline, an abort, and that it refuses two ranks on one GPU. Part of probe.c.
 */
#ifndef NANOLAB_TOOLS_PROBE_NCCL_H
#define NANOLAB_TOOLS_PROBE_NCCL_H

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/ranks/ranks_nccl.h"

struct nccl_probe {
    struct device *device;
    int (*busy)(void *stream); /* of ranks_nccl_setup */
    double seconds;            /* deadline where all is well */
    double soon;               /* deadline of what is to pass it */
    struct ranks_nccl *nccl;
    size_t asked, wrong;
};

static void nccl_line(struct nccl_probe *p, const char *question, bool as_expected,
                      const char *says) {
    json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:s}", "library", "NCCL", "question", question,
                             "device", device_id(p->device), "outcome",
                             as_expected ? "confirmed" : "contradicted", "says", says);
    if (line)
        json_dumpf(line, stdout, 0);
    putchar('\n');
    json_decref(line);
    p->asked++;
    p->wrong += !as_expected;
}

static struct ranks_nccl_setup nccl_setup(const struct nccl_probe *p, unsigned ranks) {
    return (struct ranks_nccl_setup){.ranks = ranks,
                                     .stream = device_stream(p->device),
                                     .busy = p->busy,
                                     .deadline_s = p->seconds};
}

/* Rank 0 of a group of so many. */
static int nccl_open(struct nccl_probe *p, unsigned ranks, double deadline_s,
                     struct ranks_nccl_group **group, char *why) {
    struct ranks_nccl_setup setup = nccl_setup(p, ranks);
    setup.deadline_s = deadline_s;
    *group = NULL;
    int status = ranks_nccl_id(p->nccl, &setup.id, why);
    return status == 0 ? ranks_nccl_open(group, p->nccl, &setup, why) : status;
}

/* The sum over one rank is what it handed in. 0, -1 or RANKS_NCCL_WAITED, with `why`; -1 too if it
 * is something else. */
static int nccl_sum(struct nccl_probe *p, struct ranks_nccl_group *group, size_t n, char *why) {
    size_t bytes = n * sizeof(float);
    float *host = malloc(2 * bytes);
    void *from = NULL, *to = NULL;
    int status = -1;
    snprintf(why, RANKS_WHY, "%s", "out of memory");
    for (size_t i = 0; host && i < n; i++)
        host[i] = (float)i + 0.25f;
    if (host && device_alloc(p->device, &from, bytes) == 0 &&
        device_alloc(p->device, &to, bytes) == 0 &&
        device_write(p->device, from, host, bytes) == 0) {
        status = ranks_nccl_begin(group, from, to, n, why);
        if (status == 0)
            status = ranks_nccl_end(group, why);
        if (status == 0 && device_read(p->device, host + n, to, bytes) != 0)
            status = -1, snprintf(why, RANKS_WHY, "%.*s", RANKS_WHY - 1, device_error());
        else if (status == 0 && memcmp(host, host + n, bytes) != 0)
            status = -1, snprintf(why, RANKS_WHY, "the sum of one rank is not its input");
    }
    device_free(p->device, from);
    device_free(p->device, to);
    free(host);
    return status;
}

static void nccl_ask_sums(struct nccl_probe *p) {
    static const size_t sizes[] = {1, 1000, 1 << 20};
    struct ranks_nccl_group *group;
    char why[RANKS_WHY] = "", question[80];
    int status = nccl_open(p, 1, p->seconds, &group, why);
    nccl_line(p, "a group of one rank starts", status == 0, why);
    for (size_t k = 0; status == 0 && k < sizeof sizes / sizeof *sizes; k++) {
        why[0] = '\0';
        status = nccl_sum(p, group, sizes[k], why);
        snprintf(question, sizeof question, "a sum of %zu elements", sizes[k]);
        nccl_line(p, question, status == 0, status == 0 ? "" : why);
    }
    ranks_nccl_close(group);
}

/* Its deadline passes, and the library can be used again afterwards. */
static void nccl_ask_missing(struct nccl_probe *p) {
    struct ranks_nccl_group *group;
    char why[RANKS_WHY] = "";
    int status = nccl_open(p, 2, p->soon, &group, why);
    nccl_line(p, "a rank that never comes: the wait for it ends at its deadline",
              status == RANKS_NCCL_WAITED, why);
    ranks_nccl_close(group);
}

static void nccl_ask_abort(struct nccl_probe *p) {
    struct ranks_nccl_group *group, *again;
    char why[RANKS_WHY] = "";
    int status = nccl_open(p, 1, p->seconds, &group, why);
    if (status == 0) {
        ranks_nccl_abort(group);
        status = nccl_sum(p, group, 1000, why) != 0 ? 0 : -1;
    }
    nccl_line(p, "a group that was aborted sums no more", status == 0, why);
    ranks_nccl_close(group);
    why[0] = '\0';
    status = nccl_open(p, 1, p->seconds, &again, why);
    if (status == 0)
        status = nccl_sum(p, again, 1000, why);
    nccl_line(p, "a new group sums after an abort and a missed deadline", status == 0,
              status == 0 ? "" : why);
    ranks_nccl_close(again);
}

struct nccl_twin {
    const struct nccl_probe *p;
    struct ranks_nccl_setup setup;
    pthread_t thread;
    int status;
    char why[RANKS_WHY];
};

/* Threads have a current GPU each: opening a device makes it so. */
static void *nccl_twin(void *context) {
    struct nccl_twin *twin = context;
    struct ranks_nccl_group *group = NULL;
    struct device *device;
    enum device_kind kind;
    int index;
    twin->status = -1;
    if (device_parse(device_id(twin->p->device), &kind, &index) != 0 ||
        device_open(&device, kind, index) != 0) {
        snprintf(twin->why, sizeof twin->why, "%.*s", RANKS_WHY - 1, device_error());
        return NULL;
    }
    twin->status = ranks_nccl_open(&group, twin->p->nccl, &twin->setup, twin->why);
    ranks_nccl_close(group);
    device_close(device);
    return NULL;
}

/* That is why a lab needs as many GPUs as ranks. Either may find out first and leave the other
 * waiting. */
static void nccl_ask_twins(struct nccl_probe *p) {
    struct nccl_twin twins[2] = {{.p = p}, {.p = p}};
    struct ranks_nccl_id id;
    char why[RANKS_WHY] = "";
    bool begun = ranks_nccl_id(p->nccl, &id, why) == 0;
    for (unsigned r = 0; begun && r < 2; r++) {
        twins[r].setup = nccl_setup(p, 2);
        twins[r].setup.rank = r;
        twins[r].setup.id = id;
        begun = pthread_create(&twins[r].thread, NULL, nccl_twin, &twins[r]) == 0;
        if (!begun && r == 1)
            pthread_join(twins[0].thread, NULL);
    }
    for (unsigned r = 0; begun && r < 2; r++)
        pthread_join(twins[r].thread, NULL);
    bool refused = begun && twins[0].status != 0 && twins[1].status != 0 &&
                   (twins[0].status == -1 || twins[1].status == -1);
    nccl_line(p, "two ranks on one GPU are refused", refused,
              !begun                  ? why
              : twins[0].status == -1 ? twins[0].why
                                      : twins[1].why);
}

static void probe_nccl(struct nccl_probe *p) {
    nccl_ask_sums(p);
    nccl_ask_missing(p);
    nccl_ask_abort(p);
    nccl_ask_twins(p);
}

#endif
