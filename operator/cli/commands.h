/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the program, one file each; the table of them is in main.c. */
#pragma once

/* Exit status of being called in a wrong way; otherwise EXIT_SUCCESS or EXIT_FAILURE. */
#define EXIT_USAGE 2

/* argv[0] is the command's name. Each returns the exit status. */
int cmd_convert(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_lint(int argc, char **argv);
int cmd_render(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_version(int argc, char **argv);
