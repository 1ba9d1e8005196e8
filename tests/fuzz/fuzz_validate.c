/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON gets a verdict; filling in defaults is done once and for all; what is fine stays fine.
 */
#include "fuzz.h"

#include "data/jx.h"
#include "data/validate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct schema *schema; /* reading it anew each time would take nearly all the time */
    struct err err;
    if (!schema)
        schema = schema_new_embedded(&err);
    json_auto_t *object = jx_parse((const char *)data, size, NULL);
    if (!schema || !object)
        return 0;
    AUTO_PROBLEMS struct problems first = PROBLEMS_INIT;
    validate_meshgateway(schema, object, &first);
    json_auto_t *filled = json_deep_copy(object);
    AUTO_PROBLEMS struct problems second = PROBLEMS_INIT;
    validate_meshgateway(schema, object, &second);
    if (!json_equal(object, filled) || first.count != second.count)
        abort();
    return 0;
}
