/*
 * serving_queue.c: sequences in order, and arrays that grow.
 */
#include <stdlib.h>

#include "kernels/serving/serving_inside.h"

int serving_room(void **at, size_t count, size_t *room, size_t size) {
    if (count < *room)
        return 0;
    size_t more = *room ? 2 * *room : 16;
    void *grown = realloc(*at, more * size);
    if (!grown)
        return -1;
    *at = grown;
    *room = more;
    return 0;
}

static struct serving_sequence **place(const struct serving_queue *queue, size_t i) {
    return &queue->at[(queue->head + i) & (queue->room - 1)];
}

static int grow(struct serving_queue *queue) {
    if (queue->count < queue->room)
        return 0;
    size_t room = queue->room ? 2 * queue->room : 16;
    struct serving_sequence **at = malloc(room * sizeof *at);
    if (!at)
        return -1;
    for (size_t i = 0; i < queue->count; i++)
        at[i] = *place(queue, i);
    free(queue->at);
    *queue = (struct serving_queue){.at = at, .count = queue->count, .room = room};
    return 0;
}

int serving_queue_push_back(struct serving_queue *queue, struct serving_sequence *sequence) {
    if (grow(queue) != 0)
        return -1;
    *place(queue, queue->count++) = sequence;
    return 0;
}

int serving_queue_push_front(struct serving_queue *queue, struct serving_sequence *sequence) {
    if (grow(queue) != 0)
        return -1;
    queue->head = (queue->head - 1) & (queue->room - 1);
    queue->count++;
    *place(queue, 0) = sequence;
    return 0;
}

struct serving_sequence *serving_queue_take(struct serving_queue *queue, size_t i) {
    struct serving_sequence *taken = *place(queue, i);
    if (i == 0)
        queue->head = (queue->head + 1) & (queue->room - 1);
    else
        for (size_t k = i; k + 1 < queue->count; k++)
            *place(queue, k) = *place(queue, k + 1);
    queue->count--;
    return taken;
}
