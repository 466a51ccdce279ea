/*
 * nccl_fake.c: a libnccl.so.2 for tests, whose ranks are threads of one process and whose GPU is
 * host memory. It does sum; and it hangs, fails and is old when it is told to.
 *
 * VERSION, and WITHOUT_ABORT (then it has no such function), are given to the compiler. fake_mode
 * says what goes wrong on the rank fake_rank; fake_busy stands for asking a stream.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, REMOTE_ERROR = 6, INVALID_USAGE = 5, INVALID_ARGUMENT = 4, IN_PROGRESS = 7 };
#define RANKS 16
#define GROUPS 64

struct id {
    char internal[128];
};
struct group {
    int ranks, came, entered, sums;
    const float *from[RANKS];
    float *to[RANKS];
};
struct comm {
    struct group *group;
    int rank, begun; /* sums */
    int asked;       /* how often since the last call */
    void *stream;
    int finalizing;
};

char fake_mode[40];
int fake_rank, fake_aborts, fake_destroyed;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct group groups[GROUPS];
static int groups_made;
static struct comm *on_stream[GROUPS * RANKS]; /* who was given which stream */
static int streams;

static int is(const struct comm *c, const char *mode) {
    return c->rank == fake_rank && strcmp(fake_mode, mode) == 0;
}

int ncclGetVersion(int *version) {
    *version = VERSION;
    return SUCCESS;
}

const char *ncclGetErrorString(int result) {
    return result == REMOTE_ERROR    ? "remote process exited or there was a network error"
           : result == INVALID_USAGE ? "invalid usage"
                                     : "invalid argument";
}

const char *ncclGetLastError(void *comm) {
    return comm && is(comm, "init-fails") ? "Duplicate GPU detected\nand another line" : "";
}

int ncclGetUniqueId(struct id *id) {
    pthread_mutex_lock(&lock);
    memset(id, 0, sizeof *id);
    id->internal[0] = (char)(1 + groups_made++);
    pthread_mutex_unlock(&lock);
    return strcmp(fake_mode, "id-fails") == 0 ? INVALID_USAGE : SUCCESS;
}

struct config {
    size_t size;
    unsigned magic, version;
    int blocking;
};

int ncclCommInitRankConfig(void **comm, int ranks, struct id id, int rank, struct config *config) {
    struct comm *c = calloc(1, sizeof *c);
    *comm = c;
    if (!c || config->magic != 0xcafebeef || config->blocking != 0 || ranks > RANKS)
        return INVALID_ARGUMENT;
    pthread_mutex_lock(&lock);
    c->group = &groups[id.internal[0]];
    c->group->ranks = ranks;
    c->rank = rank;
    c->group->came += !is(c, "init-hangs") && !is(c, "init-fails");
    pthread_mutex_unlock(&lock);
    return is(c, "init-fails") ? INVALID_USAGE : IN_PROGRESS;
}

/* The first rank's value plus the second's and so on. */
static void sum(struct group *g, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float s = g->from[0][i];
        for (int r = 1; r < g->ranks; r++)
            s += g->from[r][i];
        for (int r = 0; r < g->ranks; r++)
            g->to[r][i] = s;
    }
}

int ncclAllReduce(const void *from, void *to, size_t count, int type, int op, void *comm,
                  void *stream) {
    struct comm *c = comm;
    if (is(c, "sum-refused") || type != 7 || op != 0)
        return INVALID_ARGUMENT;
    pthread_mutex_lock(&lock);
    if (!c->stream)
        on_stream[streams++] = c;
    c->stream = stream;
    c->asked = 0;
    struct group *g = c->group;
    g->from[c->rank] = from;
    g->to[c->rank] = to;
    if (!is(c, "sum-hangs")) {
        c->begun++;
        if (++g->entered == g->ranks) {
            sum(g, count);
            g->entered = 0;
            g->sums++;
        }
    } else {
        c->begun += 2;
    }
    pthread_mutex_unlock(&lock);
    return is(c, "late-enqueue") ? IN_PROGRESS : SUCCESS;
}

int ncclCommGetAsyncError(void *comm, int *error) {
    struct comm *c = comm;
    pthread_mutex_lock(&lock);
    c->asked++;
    *error = SUCCESS;
    if (c->group->came < c->group->ranks || (c->finalizing && is(c, "finalize-hangs")) ||
        (is(c, "late-enqueue") && c->asked < 20))
        *error = IN_PROGRESS;
    if (c->begun && is(c, "sum-error"))
        *error = REMOTE_ERROR;
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}

int ncclCommFinalize(void *comm) {
    ((struct comm *)comm)->finalizing = 1;
    return SUCCESS;
}

static void forget(struct comm *c) {
    for (int k = 0; k < streams; k++)
        if (on_stream[k] == c)
            on_stream[k] = NULL;
    free(c);
}

int ncclCommDestroy(void *comm) {
    pthread_mutex_lock(&lock);
    fake_destroyed++;
    forget(comm);
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}

#ifndef WITHOUT_ABORT
int ncclCommAbort(void *comm) {
    pthread_mutex_lock(&lock);
    fake_aborts++;
    forget(comm);
    pthread_mutex_unlock(&lock);
    return SUCCESS;
}
#endif

/* Whether a stream has work. It has none before the library has put it there; whoever asks then,
 * and believes it, reads a result that is not there yet. */
int fake_busy(void *stream) {
    int busy = 0;
    pthread_mutex_lock(&lock);
    for (int k = 0; k < streams; k++)
        if (on_stream[k] && on_stream[k]->stream == stream)
            busy |= on_stream[k]->begun > on_stream[k]->group->sums;
    pthread_mutex_unlock(&lock);
    return busy;
}
