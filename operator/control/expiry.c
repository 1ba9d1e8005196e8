/* SPDX-License-Identifier: Apache-2.0 */
#include "control/expiry.h"

#include "base/metrics.h"
#include "base/now.h"

#include <string.h>

static double seconds(const char *time)
{
    int64_t wall_us;
    return now_parse_time(time, &wall_us) < 0 ? -1 : (double)wall_us / 1e6;
}

static double not_after(const struct issuance_object *object)
{
    return seconds(object->certificate.not_after);
}

static double renewal(const struct issuance_object *object)
{
    return seconds(object->certificate.renewal_time);
}

static double ready(const struct issuance_object *object)
{
    return object->certificate.ready.status == ISSUANCE_TRUE;
}

/*
 * A Certificate of a gateway is named after it and the server: "<gateway>-<server>". NULL: it is
 * none.
 */
static const char *server_of(const struct store *store, const struct issuance_object *object)
{
    size_t len = strlen(object->owner_name);
    AUTO_FREE char *key = store_key(object->ns, object->owner_name);
    const struct store_gateway *gw = store_find(store, key);
    bool ours = gw && strcmp(gw->uid, object->owner) == 0 &&
                strncmp(object->name, object->owner_name, len) == 0 && object->name[len] == '-';
    return ours ? object->name + len + 1 : NULL;
}

void expiry_write(const struct issuance *set, const struct store *store, struct strbuf *out)
{
    static const struct {
        const char *name, *help;
        double (*value)(const struct issuance_object *object); /* negative: not known */
    } families[] = {
        {"meshgateway_certificate_not_after_timestamp_seconds",
         "When the certificate of a server ends.",
         not_after},
        {"meshgateway_certificate_renewal_timestamp_seconds",
         "When the certificate of a server is to be renewed.",
         renewal},
        {"meshgateway_certificate_ready",
         "Whether the certificate of a server is there and up to date.",
         ready},
    };
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        metrics_write_gauge(out, families[i].name, families[i].help);
        struct issuance_object *object, *next;
        HASH_ITER (hh, set->objects[ISSUANCE_CERTIFICATE], object, next) {
            const char *server = server_of(store, object);
            double value = server ? families[i].value(object) : -1;
            if (value < 0)
                continue;
            AUTO_FREE char *labels = xasprintf("namespace=\"%s\",name=\"%s\",server=\"%s\"",
                                               object->ns,
                                               object->owner_name,
                                               server);
            metrics_write_sample(out, families[i].name, labels, value);
        }
    }
}
