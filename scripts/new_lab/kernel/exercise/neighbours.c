/*
 * Exercise 1: the order of a shuffle by 1, 2, 4, 8 and 16.
 *
 * Each of 32 lanes holds one number. Lanes that are neighbours are added first: 0 and 1, 2 and 3,
 * …; then neighbouring pairs, and so on, each addition rounded to float. Return what is left, to
 * the bit. Rewrite it; then `make exercise-@NN@`.
 */
float by_neighbours(const float x[32]) {
    float sum = 0;
    for (int i = 0; i < 32; i++)
        sum += x[i];
    return sum;
}
