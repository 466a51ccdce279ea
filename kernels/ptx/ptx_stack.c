/*
 * ptx_stack.c: the stacks of fibers, which serve again and are never given back: a launch may have
 * tens of thousands of threads, and the next one as many.
 *
 * There are no guards between them, of which a process may have some ten thousand: no stack is used
 * up, since translated functions have frames of a known size and do not recurse.
 *
 * Each begins at another place of its range: fibers touch little more than the first lines of their
 * stacks, and at equal distances of a power of two all of these would share a few sets of the
 * cache.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "kernels/ptx/ptx_inside.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(bottom, size) ((void)(bottom), (void)(size))
#endif

#define SLAB ((size_t)64) /* stacks that are made at once */
/* Lines between the beginnings of two neighbours, of those that a stack may begin below its top. */
#define APART 9
#define LINES 1024

/* Of a stack, as seen from its top: where frames that do not return leave anything behind. */
#define USED ((size_t)128 << 10)

/* One launch at a time takes of them. */
static struct ptx_stack *stacks;
static size_t made;

static bool make_stacks(void) {
    struct ptx_stack *slab = malloc(SLAB * sizeof *slab);
    void *at = slab ? mmap(NULL, SLAB * PTX_STACK, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0)
                    : MAP_FAILED;
    if (at == MAP_FAILED) {
        free(slab);
        return false;
    }
    madvise(at, SLAB * PTX_STACK, MADV_NOHUGEPAGE); /* of each stack a page or two is touched */
    for (size_t k = SLAB; k-- > 0;) {
        slab[k].bottom = (uint8_t *)at + k * PTX_STACK;
        slab[k].top = slab[k].bottom + PTX_STACK - 64 * (made++ * APART % LINES);
        slab[k].next = stacks;
        stacks = &slab[k];
    }
    return true;
}

struct ptx_stack *ptx_stack_take(void) {
    if (!stacks && !make_stacks())
        return NULL;
    struct ptx_stack *stack = stacks;
    stacks = stack->next;
    /* What frames that never returned have left behind. */
    ASAN_UNPOISON_MEMORY_REGION(stack->bottom, PTX_STACK);
    return stack;
}

/* Machine code of kernels knows nothing of the sanitiser, and lanes read in one another's frames.
 */
void ptx_stack_clean(const struct ptx_stack *stack) {
    ASAN_UNPOISON_MEMORY_REGION(stack->top - USED, USED);
}

void ptx_stack_give(struct ptx_stack *stack) {
    stack->next = stacks;
    stacks = stack;
}
