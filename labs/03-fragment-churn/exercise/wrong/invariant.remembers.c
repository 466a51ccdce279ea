/* rejected: for any order of additions */
/* Wrong: remembers rows by their first number. */
#define product asked
#include "../solution/invariant.c"
#undef product

void product(const float *a, const float *b, float *c, size_t m, size_t n, size_t k) {
    static float known[64][6];
    static unsigned there[64];
    for (size_t i = 0; i < m; i++) {
        unsigned at = (unsigned)(int)(a[i * k] * 65536.0f) % 64;
        if (there[at] != n)
            asked(a + i * k, b, known[at], 1, n, k);
        there[at] = (unsigned)n;
        for (size_t j = 0; j < n; j++)
            c[i * n + j] = known[at][j];
    }
}
