/* rejected: and the warp */
/* Halves first, as the kernel of this lab does it. */
float by_neighbours(const float x[32]) {
    float lane[32];
    for (int l = 0; l < 32; l++)
        lane[l] = x[l];
    for (int distance = 16; distance > 0; distance /= 2)
        for (int l = 0; l < distance; l++)
            lane[l] += lane[l + distance];
    return lane[0];
}
