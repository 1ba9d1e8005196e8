/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applies patches: each line of standard input is {"type": "strategic"|"merge"|"json", "object": …,
 * "patch": …}; the answer is a line {"object": …} or {"error": "path: message"}.
 */
#include "base/limits.h"
#include "base/strbuf.h"
#include "data/jsonmerge.h"
#include "data/jsonpatch.h"
#include "data/jx.h"
#include "data/strategicmerge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct object_kind *find_kind(const json_t *object)
{
    static const struct object_kind *const kinds[] = {&object_service_account,
                                                      &object_role_binding,
                                                      &object_deployment,
                                                      &object_service,
                                                      &object_hpa,
                                                      &object_pdb};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(jx_str(object, "kind", ""), kinds[i]->kind) == 0)
            return kinds[i];
    return &object_mesh_gateway;
}

static json_t *apply(const json_t *task, struct problems *problems)
{
    const json_t *object = json_object_get(task, "object");
    const json_t *patch = json_object_get(task, "patch");
    const char *type = jx_str(task, "type", "");
    if (strcmp(type, "json") == 0)
        return jsonpatch_apply(object, patch, NULL, problems);
    if (strcmp(type, "merge") == 0)
        return jsonmerge_apply(object, patch);
    return strategicmerge_apply(find_kind(object), object, patch, NULL, problems);
}

static int answer(const char *line, size_t len)
{
    struct err err = {.kind = ERR_NONE};
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    json_auto_t *task = jx_parse(line, len, &err);
    if (!task) {
        fprintf(stderr, "%s\n", err.msg);
        return -1;
    }
    json_auto_t *object = apply(task, &problems);
    problems_to_err(&problems, &err);
    json_auto_t *result = object ? OBJ(F("object", REF(object))) : OBJ(F("error", STR(err.msg)));
    AUTO_FREE char *text = jx_compact(result);
    puts(text);
    return 0;
}

int main(void)
{
    AUTO_FREE char *line = NULL;
    size_t size = 0;
    for (ssize_t len; (len = getline(&line, &size, stdin)) > 0;)
        if (answer(line, (size_t)len) < 0)
            return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
