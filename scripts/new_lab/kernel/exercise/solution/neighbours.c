/* As the lanes do it, all at once, distance by distance. */
float by_neighbours(const float x[32]) {
    float lane[32];
    for (int l = 0; l < 32; l++)
        lane[l] = x[l];
    for (int distance = 1; distance < 32; distance *= 2)
        for (int l = 0; l < 32; l += 2 * distance)
            lane[l] += lane[l + distance];
    return lane[0];
}
