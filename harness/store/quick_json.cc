/*
 * quick_json.cc: the C face of simdjson (quick_json.h). Whatever a function here does not know is
 * NULL.
 */
#include "harness/store/quick_json.h"

#include <cstring>
#include <simdjson.h>

namespace {

namespace dom = simdjson::dom;

/* What a line of a journal takes is kept from line to line; more is given back. */
constexpr size_t kept_bytes = (size_t)1 << 20;

json_t *value_of(dom::element element);

/* jansson's texts end with a NUL, so there is none inside. */
json_t *string_of(const char *text, size_t size) {
    return std::strlen(text) == size ? json_stringn_nocheck(text, size) : nullptr;
}

json_t *list_of(dom::array array) {
    json_t *list = json_array();
    for (dom::element element : array) {
        json_t *value = list ? value_of(element) : nullptr;
        if (!value || json_array_append_new(list, value) != 0) {
            json_decref(list);
            return nullptr;
        }
    }
    return list;
}

/* A name that is there twice is an error, which jansson words. */
json_t *object_of(dom::object members) {
    json_t *object = json_object();
    size_t count = 0;
    for (dom::object::iterator at = members.begin(); object && at != members.end(); ++at) {
        const char *name = at.key_c_str();
        json_t *value = std::strlen(name) == at.key_length() ? value_of(at.value()) : nullptr;
        if (!value || json_object_set_new_nocheck(object, name, value) != 0 ||
            json_object_size(object) != ++count) {
            json_decref(object);
            return nullptr;
        }
    }
    return object;
}

json_t *value_of(dom::element element) {
    switch (element.type()) {
    case dom::element_type::OBJECT:
        return object_of(element.get_object().value_unsafe());
    case dom::element_type::ARRAY:
        return list_of(element.get_array().value_unsafe());
    case dom::element_type::STRING:
        return string_of(element.get_c_str().value_unsafe(),
                         element.get_string_length().value_unsafe());
    case dom::element_type::INT64:
        return json_integer(element.get_int64().value_unsafe());
    case dom::element_type::DOUBLE:
        return json_real(element.get_double().value_unsafe());
    case dom::element_type::BOOL:
        return json_boolean(element.get_bool().value_unsafe());
    case dom::element_type::NULL_VALUE:
        return json_null();
    default: /* an integer of 64 bits */
        return nullptr;
    }
}

} // namespace

json_t *quick_json_parse(const char *text, size_t size) try {
    static thread_local dom::parser parser;
    dom::element root;
    json_t *value = nullptr;
    if (parser.parse(text, size).get(root) == simdjson::SUCCESS &&
        (root.is_object() || root.is_array()))
        value = value_of(root);
    if (parser.capacity() > kept_bytes)
        parser = dom::parser();
    return value;
} catch (const std::exception &) {
    return nullptr;
}
