/*
 * compare_claims.c: see compare_claims.h.
 */
#include "harness/compare/compare_claims.h"

#include <stdbool.h>
#include <string.h>

#include "harness/compare/compare.h"

static const char *text_of(const json_t *entry, const char *name) {
    const char *text = json_string_value(json_object_get(entry, name));
    return text ? text : "";
}

/* --- relations ---------------------------------------------------------------------------------
 */

const char *compare_relation_name(enum compare_relation relation) {
    static const char *const names[] = {"agree", "other", "contradiction"};
    return names[relation];
}

static bool is_either(const char *a, const char *b, const char *word) {
    return strcmp(a, word) == 0 || strcmp(b, word) == 0;
}

/* Whether it says something about the claim. */
static bool is_verdict(const char *word) {
    static const char *const words[] = {"confirmed", "refuted", "bounded", "broken"};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (strcmp(word, words[k]) == 0)
            return true;
    return false;
}

enum compare_relation compare_relation_of(const char *first, const char *second) {
    if (!is_verdict(first) || !is_verdict(second) || strcmp(first, second) == 0)
        return COMPARE_AGREE;
    if (is_either(first, second, "broken") ||
        (is_either(first, second, "confirmed") && is_either(first, second, "refuted")))
        return COMPARE_CONTRADICTION;
    return COMPARE_OTHER_VERDICT;
}

enum compare_relation compare_claims_relation(const json_t *entry) {
    const char *name = text_of(entry, "relation");
    for (int r = COMPARE_OTHER_VERDICT; r <= COMPARE_CONTRADICTION; r++)
        if (strcmp(name, compare_relation_name((enum compare_relation)r)) == 0)
            return (enum compare_relation)r;
    return COMPARE_AGREE;
}

size_t compare_claims_count(const json_t *list, enum compare_relation relation) {
    size_t count = 0, k;
    json_t *entry;
    json_array_foreach(list, k, entry) {
        count += compare_claims_relation(entry) == relation;
    }
    return count;
}

/* --- one side ----------------------------------------------------------------------------------
 */

static json_t *entry_like(const json_t *claims, const char *lab, const json_t *claim) {
    json_t *own;
    size_t k;
    json_array_foreach(claims, k, own) {
        if (strcmp(text_of(own, "lab"), lab) == 0 &&
            json_equal(json_object_get(own, "id"), json_object_get(claim, "id")) &&
            json_equal(json_object_get(own, "device"), json_object_get(claim, "device")))
            return own;
    }
    return NULL;
}

static json_t *new_entry(json_t *claims, const char *lab, const json_t *claim) {
    json_t *entry =
        json_pack("{s:s, s:O, s:O*, s:O, s:{}, s:{}}", "lab", lab, "id",
                  json_object_get(claim, "id"), "claim", json_object_get(claim, "claim"), "device",
                  json_object_get(claim, "device"), "sessions", "statements");
    return json_array_append_new(claims, entry) == 0 ? entry : NULL;
}

int compare_claims_add(json_t *claims, const char *lab, const json_t *session) {
    json_t *claim;
    size_t k;
    json_array_foreach(session, k, claim) {
        json_t *entry = entry_like(claims, lab, claim);
        if (!entry && !(entry = new_entry(claims, lab, claim)))
            return -1;
        const char *verdict =
            json_is_true(json_object_get(claim, "broken")) ? "broken" : text_of(claim, "verdict");
        json_t *sessions = json_object_get(entry, "sessions");
        json_t *statements = json_object_get(entry, "statements");
        json_t *statement = json_object_get(claim, "statement");
        json_int_t before = json_integer_value(json_object_get(sessions, verdict));
        if (json_object_set_new(sessions, verdict, json_integer(before + 1)) != 0 ||
            (before == 0 && statement && json_object_set(statements, verdict, statement) != 0))
            return -1;
    }
    return 0;
}

int compare_claims_settle(json_t *claims) {
    json_t *entry, *count;
    const char *verdict;
    size_t k;
    json_array_foreach(claims, k, entry) {
        const json_t *sessions = json_object_get(entry, "sessions");
        const char *most = "";
        json_int_t best = 0;
        json_object_foreach((json_t *)sessions, verdict, count) {
            if (json_integer_value(count) > best) {
                best = json_integer_value(count);
                most = verdict;
            }
        }
        json_t *statement = json_object_get(json_object_get(entry, "statements"), most);
        if (json_object_set_new(entry, "verdict", json_string(most)) != 0 ||
            (statement && json_object_set(entry, "statement", statement) != 0) ||
            json_object_set_new(entry, "varies", json_boolean(json_object_size(sessions) > 1)) != 0)
            return -1;
        json_object_del(entry, "statements");
    }
    return 0;
}

/* --- two sides ---------------------------------------------------------------------------------
 */

static const json_t *find(const json_t *claims, const json_t *like, bool exactly) {
    json_t *own;
    size_t k;
    json_array_foreach(claims, k, own) {
        if ((!exactly || compare_same_kind(text_of(own, "device"), text_of(like, "device"))) &&
            json_equal(json_object_get(own, "lab"), json_object_get(like, "lab")) &&
            json_equal(json_object_get(own, "id"), json_object_get(like, "id")))
            return own;
    }
    return NULL;
}

static json_t *join(const json_t *a, const json_t *b) {
    const char *verdicts[2] = {text_of(a, "verdict"), text_of(b, "verdict")};
    bool varies =
        json_is_true(json_object_get(a, "varies")) || json_is_true(json_object_get(b, "varies"));
    return json_pack("{s:O, s:O, s:O*, s:s, s:[O, O], s:[s, s], s:[O?, O?], s:[O?, O?], s:b}",
                     "lab", json_object_get(a, "lab"), "id", json_object_get(a, "id"), "claim",
                     json_object_get(a, "claim"), "relation",
                     compare_relation_name(compare_relation_of(verdicts[0], verdicts[1])),
                     "devices", json_object_get(a, "device"), json_object_get(b, "device"),
                     "verdicts", verdicts[0], verdicts[1], "statements",
                     json_object_get(a, "statement"), json_object_get(b, "statement"), "sessions",
                     json_object_get(a, "sessions"), json_object_get(b, "sessions"), "varies",
                     varies);
}

int compare_claims_join(json_t *out, const json_t *first, const json_t *second) {
    json_t *one;
    size_t k;
    json_array_foreach(first, k, one) {
        const json_t *other = find(second, one, true);
        if (!other)
            other = find(second, one, false);
        if (other && json_array_append_new(out, join(one, other)) != 0)
            return -1;
    }
    return 0;
}
