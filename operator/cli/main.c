/* SPDX-License-Identifier: Apache-2.0 */
/* The program: finds the command and runs it. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/output.h"

#include <curl/curl.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int cmd_help(int argc, char **argv);

const struct command main_commands[] = {
    {.name = "run",
     .summary = "run the operator",
     .run = cmd_run,
     .options = &cmd_run_options,
     .network = true},
    {.name = "render",
     .summary = "print the objects of MeshGateways",
     .run = cmd_render,
     .options = &cmd_render_options},
    {.name = "lint",
     .summary = "tell what is wrong with MeshGateways",
     .run = cmd_lint,
     .options = &cmd_lint_options},
    {.name = "convert",
     .summary = "make MeshGateways of other gateways",
     .run = cmd_convert,
     .options = &cmd_convert_options},
    {.name = "diff",
     .summary = "tell what an apply would change in the cluster",
     .run = cmd_diff,
     .options = &cmd_diff_options,
     .network = true},
    {.name = "status",
     .summary = "tell how MeshGateways stand",
     .run = cmd_status,
     .options = &cmd_status_options,
     .network = true},
    {.name = "completion",
     .summary = "print what a shell needs to complete commands",
     .run = cmd_completion,
     .options = &cmd_completion_options},
    {.name = "manual",
     .summary = "print the manual page",
     .run = cmd_manual,
     .options = &cmd_manual_options},
    {.name = "version",
     .summary = "print the version",
     .run = cmd_version,
     .options = &cmd_version_options},
    {.name = "help", .summary = "explain a command", .run = cmd_help},
    {.name = NULL},
};

static const struct command *find_command(const char *name)
{
    for (const struct command *command = main_commands; command->name; command++) {
        if (strcmp(command->name, name) == 0)
            return command;
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    fprintf(
        stderr, "meshgateway: there is no command \"%s\"; \"meshgateway help\" lists them\n", name);
    return EXIT_USAGE;
}

static void describe(struct strbuf *text)
{
    strbuf_adds(
        text,
        "meshgateway runs Istio ingress and egress gateways in Kubernetes, each described by\n"
        "a MeshGateway resource.\n\n"
        "Usage: meshgateway COMMAND [OPTION]...\n\nCommands:\n");
    for (const struct command *command = main_commands; command->name; command++)
        strbuf_addf(text, "  %-12s%s\n", command->name, command->summary);
    strbuf_adds(text,
                "\n\"meshgateway COMMAND --help\" explains a command and its options.\n"
                "Exit status: 0 success, 1 failure, 2 wrong usage.\n\n"
                "Example:\n"
                "  meshgateway render -f gateway.yaml | kubectl apply -f -\n");
}

static int run_command(const struct command *command, int argc, char **argv)
{
    if (command->network &&
        curl_global_init_mem(CURL_GLOBAL_DEFAULT, xmalloc, free, xrealloc, xstrdup, xcalloc) != 0) {
        fprintf(stderr, "meshgateway: libcurl does not start\n");
        return EXIT_FAILURE;
    }
    int status = command->run(argc, argv);
    if (command->network)
        curl_global_cleanup();
    return status;
}

/* "help", "help COMMAND"; also --help and -h before any command. */
static int cmd_help(int argc, char **argv)
{
    if (argc > 1 && argv[1][0] != '-' && strcmp(argv[1], "help") != 0) {
        const struct command *command = find_command(argv[1]);
        if (!command)
            return unknown_command(argv[1]);
        char help[] = "--help";
        char *args[] = {argv[1], help, NULL};
        return command->run(2, args);
    }
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_MIB(1));
    describe(&text);
    return output_write(text.text, text.len);
}

int main(int argc, char **argv)
{
    /* A reader that leaves early is an error of write(), not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    json_set_alloc_funcs(xmalloc, free);
    if (argc < 2) {
        AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_MIB(1));
        describe(&text);
        fputs(text.text, stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *command = find_command(name);
    if (!command)
        return unknown_command(argv[1]);
    return run_command(command, argc - 1, argv + 1);
}
