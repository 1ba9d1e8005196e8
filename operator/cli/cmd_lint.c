/* SPDX-License-Identifier: Apache-2.0 */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/gateways.h"
#include "cli/output.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static const struct options_item items[] = {
    GATEWAYS_FILENAME_OPTION(struct gateways_source, paths),
    GATEWAYS_OTHER_KINDS_OPTION(struct gateways_source, ignore_other_kinds),
    {.name = NULL},
};

const struct options_command cmd_lint_options = {
    .name = "lint",
    .synopsis = "-f FILE|DIR|- [OPTION]...",
    .description =
        "Tells everything that is wrong with MeshGateways, one \"file:line: field: message\" a\n"
        "line, with the verdict that the API server would give. No cluster is needed.\n"
        "Exit status 1 when something is wrong.",
    .example = "  meshgateway lint -f gateways/",
    .items = items,
};

static int lint(const struct gateways_source *source)
{
    AUTO_STRBUF struct strbuf problems = STRBUF_INIT(LIMIT_PROBLEMS_TEXT);
    struct config config;
    config_init(&config);
    int rc = gateways_read(source, &config, NULL, NULL, &problems);
    config_done(&config);
    int status = output_write(problems.text, problems.len);
    return rc < 0 || problems.len > 0 ? EXIT_FAILURE : status;
}

int cmd_lint(int argc, char **argv)
{
    int status;
    struct gateways_source source = {.ns = "default"};
    if (options_parse(&cmd_lint_options, argc, argv, &source, &status)) {
        status = lint(&source);
    }
    free(source.paths.items);
    return status;
}
