/*
 * atomics_cpu.h: the same sums by native threads and C11 atomics.
 *
 * Float addition has no atomic instruction on a CPU: an update is a compare-and-swap loop. Thread t
 * of T takes elements t c … (t + 1) c - 1, c = n / T rounded up. Updates and their addresses are as
 * in atomics.h: merged `none`, u is the element's index; `thread`, u = t, and its value the
 * thread's elements added one after another to -0.0.
 *
 *     ordered  (thread only) partials, added up per address in ascending u, from -0.0, by the
 * caller ticket   (thread only) a thread draws a number at the start, works on the elements of that
 *              number, and adds its value when the numbers before have: the same result as ordered,
 *              but started from the address's +0
 */
#ifndef NANOLAB_KERNELS_ATOMICS_ATOMICS_CPU_H
#define NANOLAB_KERNELS_ATOMICS_ATOMICS_CPU_H

#include "kernels/atomics/atomics_model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ATOMICS_CPU_TYPES(V) V(ATOMICS_F32, "f32") V(ATOMICS_F64, "f64")
#define ATOMICS_CPU_MERGES(V) V(ATOMICS_NONE, "none") V(ATOMICS_THREAD, "thread")
#define ATOMICS_CPU_THREADS(V) V(1, "t1") V(2, "t2") V(3, "t3") V(4, "t4") V(8, "t8") V(16, "t16")

#define ATOMICS_CPU_PLAN_FIELDS(X)                                                                 \
    X(type, ATOMICS_CPU_TYPES, "type of the elements and of the result")                           \
    X(merge, ATOMICS_CPU_MERGES, "what is added up before the atomic")                             \
    X(cure, ATOMICS_CURES, "how an update is made")                                                \
    X(addresses, ATOMICS_ADDRESSES, "addresses the updates go to")                                 \
    X(threads, ATOMICS_CPU_THREADS, "threads")

struct atomics_cpu_plan {
    ATOMICS_CPU_PLAN_FIELDS(ATOMICS_MEMBER)
};
#define ATOMICS_CPU_FIELD_ID(name, values, what) ATOMICS_CPU_FIELD_##name,
enum atomics_cpu_field_id { ATOMICS_CPU_PLAN_FIELDS(ATOMICS_CPU_FIELD_ID) ATOMICS_CPU_FIELDS };

/* As their namesakes of atomics.h; the default: f32, none, plain, one address, two threads. */
struct atomics_cpu_plan atomics_cpu_plan_default(void);
char *atomics_cpu_plan_text(const struct atomics_cpu_plan *plan, char *out);
int atomics_cpu_plan_parse(const char *text, struct atomics_cpu_plan *plan, char *why);
struct json_t *atomics_cpu_plan_json(const struct atomics_cpu_plan *plan);
int atomics_cpu_plan_check(const struct atomics_cpu_plan *plan, size_t n, char *why);
size_t atomics_cpu_updates(const struct atomics_cpu_plan *plan, size_t n);

struct atomics_cpu_job {
    const void *x;
    size_t n;            /* >= 1 */
    int unit;            /* of fixed point */
    unsigned contenders; /* threads beside the plan's that add 0 to the same words meanwhile */
    void *result;        /* `addresses` values of the type */
    void *log;           /* for logged: what each update found, `updates` values of the type */
    uint32_t status;     /* set: as in atomics.h */
    /* Memory of the cures, made on first use and kept for the next call with the same plan;
     * atomics_cpu_job_end frees it. Zero before the first call. */
    void *scratch;
    size_t scratch_bytes;
};

/* Runs it on the process' shared pool: one call at a time. 0, or -1 with device_error(). */
int atomics_cpu_run(const struct atomics_cpu_plan *plan, struct atomics_cpu_job *job);
void atomics_cpu_job_end(struct atomics_cpu_job *job);

/* As in atomics_model.h. */
void atomics_cpu_update_values(const struct atomics_cpu_plan *plan, const void *x, size_t n,
                               void *values);
int atomics_cpu_model(const struct atomics_cpu_plan *plan, const void *x, size_t n, int unit,
                      void *result, uint32_t *status, char *why);

#ifdef __cplusplus
}
#endif
#endif
