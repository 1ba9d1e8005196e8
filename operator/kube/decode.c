/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/decode.h"

#include "data/jsonread.h"

#include <string.h>

json_t *decode_json(const char *text, size_t len, struct err *err)
{
    json_error_t error;
    json_t *value = jsonread_bytes(text, len, &error);
    if (!value && json_error_code(&error) == json_error_numeric_overflow)
        value = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (!value)
        err_set(err, ERR_INTERNAL, "not JSON at byte %d: %s", error.position, error.text);
    return value;
}

/* Just behind the array that begins at `at`; NULL when it does not end. */
static const char *behind_array(const char *at, const char *end)
{
    int depth = 0;
    bool in_string = false;
    for (; at < end; at++) {
        if (in_string) {
            if (*at == '\\')
                at++;
            else
                in_string = *at != '"';
        } else if (*at == '"') {
            in_string = true;
        } else if (*at == '[') {
            depth++;
        } else if (*at == ']' && --depth == 0) {
            return at + 1;
        }
    }
    return NULL;
}

json_t *decode_object(const char *text, size_t len, struct err *err)
{
    /* Inside of a JSON string the quotes would be escaped, so this is a key wherever it stands. */
    static const char key[] = "\"managedFields\":";
    const char *end = text + len;
    const char *found = memmem(text, len, key, sizeof(key) - 1);
    const char *array = found ? found + sizeof(key) - 1 : end;
    const char *rest = array < end && *array == '[' ? behind_array(array, end) : NULL;
    if (!rest)
        return decode_json(text, len, err);
    size_t head = (size_t)(array - text);
    size_t tail = (size_t)(end - rest);
    AUTO_FREE char *shorter = xmalloc(head + 2 + tail);
    memcpy(shorter, text, head);
    shorter[head] = '[';
    shorter[head + 1] = ']';
    memcpy(shorter + head + 2, rest, tail);
    return decode_json(shorter, head + 2 + tail, err);
}

static enum decode_type type_of(const char *name)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (enum decode_type)i;
    return DECODE_UNKNOWN;
}

int decode_event(const char *line, size_t len, bool whole, struct decode_event *ret,
                 struct err *err)
{
    json_auto_t *event = whole ? decode_json(line, len, err) : decode_object(line, len, err);
    if (!event)
        return -1;
    const char *name = jx_str(event, "type", NULL);
    if (!name)
        return err_set(err, ERR_INTERNAL, "not a watch event: it has no type");
    json_t *object = jx_object(event, "object");
    enum decode_type type = type_of(name);
    if (!object && type != DECODE_UNKNOWN)
        return err_set(err, ERR_INTERNAL, "not a watch event: it has no object");
    const json_t *annotations = jx_object(object, "metadata.annotations");
    const char *end = json_string_value(json_object_get(annotations, "k8s.io/initial-events-end"));
    *ret = (struct decode_event){.type = type,
                                 .object = json_incref(object),
                                 .initial_end =
                                     type == DECODE_BOOKMARK && end && strcmp(end, "true") == 0};
    return 0;
}
