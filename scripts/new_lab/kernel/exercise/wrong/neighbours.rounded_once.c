/* rejected: and the warp */
/* The right order, rounded once instead of after each addition. */
static double tree(const float *x, int n) {
    return n == 1 ? (double)x[0] : tree(x, n / 2) + tree(x + n / 2, n / 2);
}

float by_neighbours(const float x[32]) {
    return (float)tree(x, 32);
}
