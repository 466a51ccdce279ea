/* rejected:  you say 0 us */
/* Wrong: answers when somebody is late; else it says that a step takes no time. */
#define without asked
#include "../solution/without.c"
#undef without

double without(const double *compute, const double *comm, size_t steps, size_t ranks, size_t late) {
    int is_late = 0;
    for (size_t k = 0; k < steps * ranks; k++)
        is_late |= compute[k] > 1000;
    return is_late ? asked(compute, comm, steps, ranks, late) : 0;
}
