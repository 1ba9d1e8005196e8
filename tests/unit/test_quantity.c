/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "data/quantity.h"
#include "support/unit.h"

START_TEST(equal_values)
{
    static const char *const pairs[][2] = {
        {"1024Mi", "1Gi"},
        {"2000m", "2"},
        {"0.1", "100m"},
        {"1e3", "1k"},
        {"1E3", "1000"},
        {"1E", "1000P"},
        {"1Ei", "1024Pi"},
        {"1048576Ti", "1Ei"},
        {"1.5Gi", "1536Mi"},
        {".5", "500m"},
        {"5.", "5"},
        {"+1", "1"},
        {"-0", "0"},
        {"0Ki", "0n"},
        {"-1500m", "-1.5"},
        {"1e-3", "1m"},
        {"1000000n", "1m"},
        {"1000u", "1m"},
        {"0.001Ki", "1.024"},
        {"007", "7"},
        {"100e-2", "1"},
        {"12345678901234567890123456789012345678901234567890",
         "1234567890123456789012345678901234567890123456789e1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        ck_assert_msg(quantity_equal(pairs[i][0], pairs[i][1]), "%s %s", pairs[i][0], pairs[i][1]);
        ck_assert_msg(quantity_equal(pairs[i][1], pairs[i][0]), "%s %s", pairs[i][1], pairs[i][0]);
    }
}
END_TEST

START_TEST(different_values)
{
    static const char *const pairs[][2] = {
        {"1Gi", "1G"},
        {"1", "1m"},
        {"1", "-1"},
        {"10", "1"},
        {"0", "1"},
        {"1M", "1m"},
        {"1E", "1Ei"},
        {"9007199254740993", "9007199254740992"}, /* the same as doubles */
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        ck_assert_msg(!quantity_equal(pairs[i][0], pairs[i][1]), "%s %s", pairs[i][0], pairs[i][1]);
}
END_TEST

START_TEST(not_quantities)
{
    static const char *const texts[] = {
        "",
        ".",
        "-",
        "Mi",
        "1 Gi",
        "1Gii",
        "1K",
        "1e",
        "1e+",
        "1ex",
        "1e3x",
        "1e99999",
        "1..2",
        "1,5",
        "0x10",
        "NaN",
        "--1",
        "1mi",
        "00000000000000000000000000000000000000000000000000000000000000001",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        ck_assert_msg(!quantity_equal(texts[i], texts[i]), "%s", texts[i]);
}
END_TEST

UNIT_MAIN("quantity", equal_values, different_values, not_quantities)
