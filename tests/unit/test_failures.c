/* SPDX-License-Identifier: Apache-2.0 */
#include "control/failures.h"
#include "support/unit.h"

START_TEST(reactions)
{
    static const struct {
        struct err err;
        enum pass_reaction reaction;
    } cases[] = {
        {{.kind = ERR_NONE}, PASS_IN_STEP},
        {{.kind = ERR_INVALID, .http = 422}, PASS_REFUSED},
        {{.kind = ERR_NOT_FOUND, .http = 404}, PASS_REFUSED},
        {{.kind = ERR_DENIED, .http = 403}, PASS_REFUSED},
        /* A new token is there already, or soon. */
        {{.kind = ERR_DENIED, .http = 401}, PASS_TRANSIENT},
        {{.kind = ERR_DENIED, .http = 403, .reason = "NamespaceTerminating"}, PASS_NAMESPACE_ENDS},
        {{.kind = ERR_CONFLICT, .http = 409}, PASS_TRANSIENT},
        {{.kind = ERR_THROTTLED, .http = 429}, PASS_TRANSIENT},
        {{.kind = ERR_UNAVAILABLE, .http = 503}, PASS_TRANSIENT},
        {{.kind = ERR_UNAVAILABLE}, PASS_TRANSIENT},
        {{.kind = ERR_INTERNAL, .http = 307}, PASS_TRANSIENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_int_eq(failures_reaction(&cases[i].err), cases[i].reaction);
}
END_TEST

UNIT_MAIN("failures", reactions)
