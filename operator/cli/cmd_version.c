/* SPDX-License-Identifier: Apache-2.0 */
#include "base/version.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"

#include <string.h>

static const struct options_item items[] = {{.name = NULL}};

const struct options_command cmd_version_options = {
    .name = "version",
    .synopsis = "",
    .description = "Prints the version of this program.",
    .example = "  meshgateway version",
    .items = items,
};

int cmd_version(int argc, char **argv)
{
    static const char text[] = "meshgateway " MESHGATEWAY_VERSION "\n";
    int status;
    if (!options_parse(&cmd_version_options, argc, argv, NULL, &status))
        return status;
    return output_write(text, strlen(text));
}
