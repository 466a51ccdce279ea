/*
 * record_claims.c: checks the shape of claims.json (record.h).
 */
#include <stdio.h>
#include <string.h>

#include "harness/store/limits.h"
#include "harness/store/record.h"
#include "harness/store/record_check.h"

/* The rows under a statement. */
static int check_numbers_of(struct check *check, const json_t *claim) {
    const json_t *numbers = json_object_get(claim, "numbers");
    if (numbers && (!json_is_array(numbers) || json_array_size(numbers) > 64))
        return check_refuse(check, "\"numbers\" must be a list of at most 64");
    for (size_t k = 0; k < json_array_size(numbers); k++) {
        json_t *one = json_array_get(numbers, k), *plain = json_copy(one);
        if (!plain)
            return check_refuse(check, "out of memory");
        json_object_del(plain, "what");
        json_object_del(plain, "unit");
        bool good = check_text(check, one, "what", false) == 0 &&
                    check_text(check, one, "unit", false) == 0 && check_is_ratio(plain);
        json_decref(plain);
        if (!good)
            return check_refuse(check, "number %zu must be {what, unit, value, low, high}", k);
    }
    return 0;
}

/* Names of other builds are their own. */
static int check_rests(struct check *check, const json_t *rests) {
    const char *name;
    json_t *rows;
    if (!rests || json_is_null(rests))
        return 0;
    if (!json_is_object(rests) || json_object_size(rests) > 16)
        return check_refuse(check, "\"rests_on\" must be an object of at most 16 counts");
    json_object_foreach((json_t *)rests, name, rows) {
        json_int_t count = json_integer_value(rows);
        if (!json_is_integer(rows) || count < 0 || count > LIMIT_COUNT || strlen(name) > 64)
            return check_refuse(check, "\"rests_on\" must hold counts of rows");
    }
    return 0;
}

static int check_claim(struct check *check, const json_t *claim) {
    const char *verdict = check_text_of(claim, "verdict"), *device = check_text_of(claim, "device");
    if (!json_is_object(claim) || check_text(check, claim, "id", false) != 0)
        return check_refuse(check, "a claim needs an \"id\"");
    if (!verdict || (strcmp(verdict, "confirmed") && strcmp(verdict, "refuted") &&
                     strcmp(verdict, "bounded") && strcmp(verdict, "not-testable-here")))
        return check_refuse(check,
                            "\"verdict\" must be confirmed, refuted, bounded or not-testable-here");
    if (!device || !record_device_is_good(device))
        return check_refuse(check, "\"device\" must be a device's name");
    static const char *const counts[] = {"held", "against", "open"};
    if (check_count(check, claim, "checked") != 0)
        return -1;
    json_int_t left = json_integer_value(json_object_get(claim, "checked"));
    if (left > LIMIT_COUNT)
        return check_refuse(check, "\"checked\" is more than %lld (LIMIT_COUNT)",
                            (long long)LIMIT_COUNT);
    for (size_t k = 0; k < 3; k++) {
        if (check_count(check, claim, counts[k]) != 0)
            return -1;
        json_int_t one = json_integer_value(json_object_get(claim, counts[k]));
        if (one > left)
            return check_refuse(check, "\"held\", \"against\" and \"open\" exceed \"checked\"");
        left -= one;
    }
    if (left != 0)
        return check_refuse(check,
                            "\"held\", \"against\" and \"open\" do not add up to \"checked\"");
    if (check_text(check, claim, "control", true) != 0 || check_numbers_of(check, claim) != 0 ||
        check_text(check, claim, "claim", true) != 0 ||
        check_text(check, claim, "refuted_by", true) != 0 ||
        check_text(check, claim, "statement", true) != 0 ||
        check_text(check, claim, "range", true) != 0 ||
        check_text(check, claim, "reason", true) != 0)
        return -1;
    if (check_rests(check, json_object_get(claim, "rests_on")) != 0)
        return -1;
    const json_t *broken = json_object_get(claim, "broken");
    if (broken && !json_is_boolean(broken))
        return check_refuse(check, "\"broken\" must be true or false");
    const json_t *evidence = json_object_get(claim, "evidence");
    if (!json_is_array(evidence) || json_array_size(evidence) > 32)
        return check_refuse(check, "\"evidence\" must be a list of at most 32 case ids");
    for (size_t i = 0; i < json_array_size(evidence); i++) {
        const char *id = json_string_value(json_array_get(evidence, i));
        if (!id || !record_id_is_good(id))
            return check_refuse(check, "\"evidence\" holds something that is no case id");
    }
    return 0;
}

int record_check_claims(const json_t *document, const char *lab, char *why, size_t why_size) {
    struct check check = {why, why_size};
    const json_t *claims = json_object_get(document, "claims");
    const char *named = check_text_of(document, "lab");
    if (check_format(&check, document) != 0)
        return -1;
    if (!named || strcmp(named, lab) != 0)
        return check_refuse(&check, "\"lab\" is not \"%s\": these are another lab's claims", lab);
    if (json_array_size(claims) > LIMIT_CLAIMS)
        return check_refuse(&check, "\"claims\" holds more than %zu (LIMIT_CLAIMS)", LIMIT_CLAIMS);
    if (!json_is_array(claims))
        return check_refuse(&check, "\"claims\" must be a list");
    for (size_t i = 0; i < json_array_size(claims); i++) {
        char inner[160];
        struct check one = {inner, sizeof inner};
        if (check_claim(&one, json_array_get(claims, i)) != 0)
            return check_refuse(&check, "claim %zu: %s", i + 1, inner);
    }
    return 0;
}
