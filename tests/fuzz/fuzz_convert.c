/* SPDX-License-Identifier: Apache-2.0 */
/* Any document of YAML as an IstioMeshGateway and as values of the chart. */
#include "fuzz.h"

#include "base/limits.h"
#include "data/convert_helm.h"
#include "data/convert_imgw.h"
#include "data/jx.h"
#include "data/validate.h"
#include "data/yamlio.h"

#include <string.h>

/* Takes the result. What was told is told of a field of the source. */
static void check(json_t *result, const struct problems *notes)
{
    static struct schema *schema; /* reading it anew each time would take nearly all the time */
    json_auto_t *object = result;
    AUTO_PROBLEMS struct problems problems = PROBLEMS_INIT;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_RENDERED);
    struct err err;
    if (!schema)
        schema = schema_new_embedded(&err);
    require(schema && json_is_object(object) && jx_object(object, "spec"));
    require(yamlio_write(object, &text) == 0);
    validate_meshgateway(schema, object, &problems);
    for (size_t i = 0; i < notes->count; i++)
        require(notes->items[i].message[0] != '\0');
}

static void convert(const json_t *document)
{
    AUTO_PROBLEMS struct problems of_imgw = PROBLEMS_INIT;
    json_auto_t *copy = json_deep_copy(document);
    check(convert_imgw(copy, &of_imgw), &of_imgw);
    AUTO_PROBLEMS struct problems of_helm = PROBLEMS_INIT;
    const struct convert_helm_target target = {.name = "release", .type = "ingress"};
    json_auto_t *values = json_deep_copy(document);
    check(convert_helm(values, &target, &of_helm), &of_helm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    if (yamlio_read((const char *)data, size, "fuzz", &stream, NULL) < 0)
        return 0;
    for (size_t i = 0; i < stream.count; i++)
        if (json_is_object(stream.documents[i].root))
            convert(stream.documents[i].root);
    return 0;
}
