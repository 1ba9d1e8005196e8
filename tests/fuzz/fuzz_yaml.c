/* SPDX-License-Identifier: Apache-2.0 */
/* What yamlio reads, it writes so that it reads the same again; every value has its line. */
#include "fuzz.h"

#include "base/limits.h"
#include "data/yamlio.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_YAMLIO_STREAM struct yamlio_stream stream = YAMLIO_STREAM_INIT;
    AUTO_YAMLIO_STREAM struct yamlio_stream again = YAMLIO_STREAM_INIT;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_FILE);
    if (yamlio_read((const char *)data, size, "fuzz", &stream, NULL) < 0)
        return 0;
    for (size_t i = 0; i < stream.count; i++) {
        strbuf_adds(&text, "---\n");
        if (yamlio_write(stream.documents[i].root, &text) < 0)
            return 0; /* too large: aliases were expanded */
        if (yamlio_line(&stream.documents[i], "spec.a[0][\"b.c\"]") < 1)
            abort();
    }
    if (yamlio_read(text.text, text.len, "again", &again, NULL) < 0 || again.count != stream.count)
        abort();
    for (size_t i = 0; i < stream.count; i++)
        if (!json_equal(stream.documents[i].root, again.documents[i].root))
            abort();
    return 0;
}
