/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offline validation as a filter, for tests/integration/test_validation.py: one MeshGateway a line
 * on stdin (JSON), one verdict a line on stdout: {"object": with defaults, "problems": [[path,
 * message], ...]}.
 */
#include "data/jx.h"
#include "data/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *judge(const struct schema *schema, const char *line, size_t len)
{
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    struct err err = {0};
    json_t *object = jx_parse(line, len, &err);
    if (object)
        validate_meshgateway(schema, object, &problems);
    else
        problems_add(&problems, "", "%s", err.msg);
    json_t *list = json_array();
    for (size_t i = 0; i < problems.count; i++)
        json_array_append_new(list,
                              ARR(STR(problems.items[i].path), STR(problems.items[i].message)));
    return OBJ(FOPT("object", object), F("problems", list));
}

int main(void)
{
    struct err err = {0};
    struct schema *schema = schema_new_embedded(&err);
    if (!schema) {
        fprintf(stderr, "validate_tool: %s\n", err.msg);
        return EXIT_FAILURE;
    }
    AUTO_FREE char *line = NULL;
    size_t size = 0;
    ssize_t len;
    while ((len = getline(&line, &size, stdin)) > 0) {
        json_auto_t *verdict = judge(schema, line, (size_t)len);
        AUTO_FREE char *text = jx_canonical(verdict);
        puts(text);
    }
    schema_free(schema);
    return EXIT_SUCCESS;
}
