/*
 * bpe_encode.c: text to tokens. A word is a list of pieces, with a heap of the pairs that could be
 * joined, so that a word of n bytes takes n log n steps whatever it is made of.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/decoder/bpe_inside.h"

#define NO_PIECE UINT32_MAX

static int refuse(char *why, const char *what) {
    snprintf(why, GGUF_WHY, "%s", what);
    return -1;
}

static int push(struct bpe_tokens *out, uint32_t id) {
    if (out->count == out->room) {
        size_t room = out->room ? 2 * out->room : 64;
        uint32_t *more = realloc(out->id, room * sizeof(*more));
        if (!more)
            return -1;
        out->id = more;
        out->room = room;
    }
    out->id[out->count++] = id;
    return 0;
}

void bpe_tokens_free(struct bpe_tokens *tokens) {
    free(tokens->id);
    *tokens = (struct bpe_tokens){NULL, 0, 0};
}

/* --- a word ------------------------------------------------------------------------------------
 */

/* Piece i of a word begins at its byte i. */
struct piece {
    uint32_t id, before, after; /* NO_PIECE at the ends; id NO_PIECE: joined to the one before */
};
/* Two neighbours that could be joined, as they were when it was found. */
struct pair {
    uint32_t rank, at, left, right;
};
struct words {
    struct piece *piece;
    struct pair *heap;
    size_t pairs, room; /* room: bytes of the longest word so far */
};

struct cutting {
    const struct bpe *bpe;
    struct words words;
    struct bpe_tokens *out;
    pcre2_match_data *match;
    char *why;
};

/* The merge named first, leftmost first, is joined first. */
static bool sooner(struct pair a, struct pair b) {
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void heap_push(struct words *w, struct pair pair) {
    size_t i = w->pairs++;
    for (; i && sooner(pair, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = pair;
}

static struct pair heap_pop(struct words *w) {
    struct pair first = w->heap[0], last = w->heap[--w->pairs];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < w->pairs; i = child) {
        child += child + 1 < w->pairs && sooner(w->heap[child + 1], w->heap[child]);
        if (!sooner(w->heap[child], last))
            break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = last;
    return first;
}

/* Pieces `at` and the one after it, if there is a merge for them. */
static void consider(const struct bpe *bpe, struct words *w, uint32_t at) {
    if (at == NO_PIECE || w->piece[at].after == NO_PIECE)
        return;
    uint32_t left = w->piece[at].id, right = w->piece[w->piece[at].after].id;
    uint32_t slot = *bpe_merge_slot(bpe, left, right);
    if (slot)
        heap_push(w, (struct pair){bpe->merge[slot - 1].rank, at, left, right});
}

/* Each join takes one pair and brings at most two, so the heap holds under 3 pairs a byte. */
static int make_room(struct words *w, size_t bytes) {
    if (bytes <= w->room)
        return 0;
    free(w->piece);
    free(w->heap);
    w->piece = calloc(bytes, sizeof(*w->piece));
    w->heap = calloc(3 * bytes, sizeof(*w->heap));
    w->room = w->piece && w->heap ? bytes : 0;
    return w->room ? 0 : -1;
}

static int encode_word(struct cutting *c, const char *text, size_t bytes) {
    const struct bpe *bpe = c->bpe;
    struct words *w = &c->words;
    if (make_room(w, bytes) != 0)
        return refuse(c->why, "no memory for the text's tokens");
    for (uint32_t i = 0; i < bytes; i++) {
        uint32_t id = bpe->byte[(unsigned char)text[i]];
        if (id == BPE_NO_TOKEN)
            return refuse(c->why, "the model has no token for a byte of one of the characters");
        w->piece[i] = (struct piece){id, i ? i - 1 : NO_PIECE, i + 1 < bytes ? i + 1 : NO_PIECE};
    }
    w->pairs = 0;
    for (uint32_t i = 0; i + 1 < bytes; i++)
        consider(bpe, w, i);
    while (w->pairs) {
        struct pair pair = heap_pop(w);
        struct piece *left = &w->piece[pair.at];
        if (left->id != pair.left || left->after == NO_PIECE ||
            w->piece[left->after].id != pair.right)
            continue; /* one of them was joined to another since */
        struct piece *right = &w->piece[left->after];
        left->id = bpe->merge[*bpe_merge_slot(bpe, pair.left, pair.right) - 1].joined;
        left->after = right->after;
        right->id = NO_PIECE;
        if (left->after != NO_PIECE)
            w->piece[left->after].before = pair.at;
        consider(bpe, w, left->before);
        consider(bpe, w, pair.at);
    }
    for (uint32_t i = 0; i != NO_PIECE; i = w->piece[i].after)
        if (push(c->out, w->piece[i].id) != 0)
            return refuse(c->why, "no memory for the text's tokens");
    return 0;
}

/* --- text --------------------------------------------------------------------------------------
 */

/* Words between two digits: what the expression's ends of text mean is the piece's ends. */
static int encode_piece(struct cutting *c, const char *text, size_t bytes) {
    const size_t *found = pcre2_get_ovector_pointer(c->match);
    for (size_t at = 0; at < bytes;) {
        if (pcre2_match(c->bpe->word, (PCRE2_SPTR)text, bytes, at, PCRE2_NO_UTF_CHECK, c->match,
                        NULL) < 0 ||
            found[0] != at || found[1] <= at)
            return refuse(c->why, "the text cannot be cut into words");
        if (encode_word(c, text + at, found[1] - at) != 0)
            return -1;
        at = found[1];
    }
    return 0;
}

static int encode_text(struct cutting *c, const char *text, size_t bytes) {
    const size_t *found = pcre2_get_ovector_pointer(c->match);
    size_t at = 0;
    while (at < bytes) {
        /* The first search checks all of the text. */
        int matches = pcre2_match(c->bpe->digit, (PCRE2_SPTR)text, bytes, at,
                                  at ? PCRE2_NO_UTF_CHECK : 0, c->match, NULL);
        if (matches < 0 && matches != PCRE2_ERROR_NOMATCH)
            return refuse(c->why, "the text is not UTF-8");
        size_t digit = matches > 0 ? found[0] : bytes, end = matches > 0 ? found[1] : bytes;
        if (encode_piece(c, text + at, digit - at) != 0 ||
            (end > digit && encode_word(c, text + digit, end - digit) != 0))
            return -1;
        at = end;
    }
    return 0;
}

int bpe_encode(const struct bpe *bpe, const char *text, size_t bytes, struct bpe_tokens *out,
               char *why) {
    struct cutting c = {.bpe = bpe, .out = out, .why = why};
    size_t before = out->count;
    if (bytes > BPE_TEXT_MOST)
        return refuse(why, "the text has more than 64 MiB");
    c.match = pcre2_match_data_create(1, NULL);
    int status = c.match ? encode_text(&c, text, bytes) : refuse(why, "no memory");
    pcre2_match_data_free(c.match);
    free(c.words.piece);
    free(c.words.heap);
    if (status != 0)
        out->count = before;
    return status;
}

int bpe_chat(const struct bpe *bpe, const char *system, const char *question,
             struct bpe_tokens *out, char *why) {
    const char *const said[2][2] = {{"system\n", system ? system : bpe->system},
                                    {"user\n", question}};
    size_t before = out->count;
    int status = 0;
    for (int i = 0; i < 2 && status == 0; i++) {
        size_t bytes = strlen(said[i][0]) + strlen(said[i][1]);
        char *text = malloc(bytes + 1);
        if (text)
            snprintf(text, bytes + 1, "%s%s", said[i][0], said[i][1]);
        status = !text ? refuse(why, "no memory")
                 : push(out, bpe->start) != 0 || bpe_encode(bpe, text, bytes, out, why) != 0 ||
                         push(out, bpe->end) != 0 || bpe_encode(bpe, "\n", 1, out, why) != 0
                     ? -1
                     : 0;
        free(text);
    }
    if (status == 0 &&
        (push(out, bpe->start) != 0 || bpe_encode(bpe, "assistant\n", 10, out, why) != 0))
        status = -1;
    if (status != 0)
        out->count = before;
    return status;
}
