/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the program, one file each. */
#pragma once

#include "cli/options.h"

/* Exit status of being called in a wrong way; otherwise EXIT_SUCCESS or EXIT_FAILURE. */
#define EXIT_USAGE 2

struct command {
    const char *name;
    const char *summary;
    /* argv[0] is the command's name. Returns the exit status. */
    int (*run)(int argc, char **argv);
    const struct options_command *options; /* NULL: none but --help */
    bool network; /* needs libcurl, whose start costs more than most commands do */
};

/* In the order of the help; a NULL name ends the table. */
extern const struct command main_commands[];

extern const struct options_command cmd_completion_options;
extern const struct options_command cmd_convert_options;
extern const struct options_command cmd_diff_options;
extern const struct options_command cmd_lint_options;
extern const struct options_command cmd_manual_options;
extern const struct options_command cmd_render_options;
extern const struct options_command cmd_run_options;
extern const struct options_command cmd_status_options;
extern const struct options_command cmd_version_options;

int cmd_completion(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_lint(int argc, char **argv);
int cmd_manual(int argc, char **argv);
int cmd_render(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_version(int argc, char **argv);
