/* SPDX-License-Identifier: Apache-2.0 */
/* completion: the commands and options for a shell, out of the same tables that parse them. */
#include "base/limits.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>

struct completion_options {
    const char *shell;
};

static const struct options_item items[] = {{.name = NULL}};

const struct options_command cmd_completion_options = {
    .name = "completion",
    .synopsis = "bash|zsh|fish",
    .description =
        "Prints what a shell needs to complete the commands and options of this program.",
    .example = "  meshgateway completion bash > /etc/bash_completion.d/meshgateway\n"
               "  meshgateway completion zsh > ~/.zfunc/_meshgateway\n"
               "  meshgateway completion fish > ~/.config/fish/completions/meshgateway.fish",
    .items = items,
    .operand = true,
    .operand_offset = offsetof(struct completion_options, shell),
};

static bool takes_file(const struct options_item *item)
{
    return item->value && strncmp(item->value, "FILE", 4) == 0;
}

/* The first line of the help, without what a shell would take for quoting. */
static void add_help(struct strbuf *out, const char *help)
{
    for (; *help && *help != '\n'; help++) {
        if (!strchr("'\"\\[]:$`", *help))
            strbuf_addc(out, *help);
    }
}

/* "yaml|json" as "yaml json". */
static void add_words(struct strbuf *out, const char *choices)
{
    for (; *choices; choices++)
        strbuf_addc(out, *choices == '|' ? ' ' : *choices);
}

/* The rows of a command's table, which ends at once when it has none. */
static const struct options_item *items_of(const struct command *command)
{
    return command->options ? command->options->items : items;
}

/* What follows an option: a pattern of "case" and what it completes to. */
static void bash_values(struct strbuf *out, const struct command *command)
{
    for (const struct options_item *item = items_of(command); item->name; item++) {
        if (item->type == OPTIONS_FLAG)
            continue;
        strbuf_addf(out, "    %s/--%s", command->name, item->name);
        if (item->letter)
            strbuf_addf(out, "|%s/-%c", command->name, item->letter);
        strbuf_adds(out, ") ");
        if (item->type == OPTIONS_CHOICE) {
            strbuf_adds(out, "words='");
            add_words(out, item->value);
            strbuf_adds(out, "' ;;\n");
        } else if (takes_file(item)) {
            strbuf_adds(out, "compopt -o default; return ;;\n");
        } else {
            strbuf_adds(out, "return ;;\n");
        }
    }
}

static void bash_words(struct strbuf *out, const struct command *command)
{
    strbuf_addf(out, "    %s/*) words='", command->name);
    for (const struct options_item *item = items_of(command); item->name; item++) {
        if (item->letter)
            strbuf_addf(out, "-%c ", item->letter);
        strbuf_addf(out, "--%s ", item->name);
    }
    strbuf_addf(out, "--help%s' ;;\n", command->run == cmd_completion ? " bash zsh fish" : "");
}

static void write_bash(struct strbuf *out)
{
    strbuf_adds(out,
                "# bash completion of meshgateway\n"
                "_meshgateway() {\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} words\n"
                "    COMPREPLY=()\n"
                "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                "        words='");
    for (const struct command *command = main_commands; command->name; command++)
        strbuf_addf(out, "%s%s", command == main_commands ? "" : " ", command->name);
    strbuf_adds(out,
                "'\n"
                "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                "        return\n"
                "    fi\n"
                "    case ${COMP_WORDS[1]}/${COMP_WORDS[COMP_CWORD-1]} in\n");
    for (const struct command *command = main_commands; command->name; command++)
        bash_values(out, command);
    for (const struct command *command = main_commands; command->name; command++)
        bash_words(out, command);
    strbuf_adds(out,
                "    *) return ;;\n"
                "    esac\n"
                "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
                "}\n"
                "complete -F _meshgateway meshgateway kubectl-mgw\n");
}

static void zsh_item(struct strbuf *out, const struct options_item *item)
{
    strbuf_adds(out, " \\\n            ");
    if (item->letter)
        strbuf_addf(out, "{-%c,--%s}", item->letter, item->name);
    else
        strbuf_addf(out, "--%s", item->name);
    strbuf_adds(out, "'[");
    add_help(out, item->help);
    strbuf_adds(out, "]");
    if (item->type == OPTIONS_CHOICE) {
        strbuf_adds(out, ":value:(");
        add_words(out, item->value);
        strbuf_adds(out, ")");
    } else if (item->type != OPTIONS_FLAG) {
        strbuf_addf(out, ":value:%s", takes_file(item) ? "_files" : " ");
    }
    strbuf_adds(out, "'");
}

static void write_zsh(struct strbuf *out)
{
    strbuf_adds(out,
                "#compdef meshgateway kubectl-mgw\n"
                "_meshgateway() {\n"
                "    local -a commands\n"
                "    commands=(\n");
    for (const struct command *command = main_commands; command->name; command++) {
        strbuf_addf(out, "        '%s:", command->name);
        add_help(out, command->summary);
        strbuf_adds(out, "'\n");
    }
    strbuf_adds(out,
                "    )\n"
                "    if (( CURRENT == 2 )); then\n"
                "        _describe command commands\n"
                "        return\n"
                "    fi\n"
                "    local command=$words[2]\n"
                "    shift words\n"
                "    (( CURRENT-- ))\n"
                "    case $command in\n");
    for (const struct command *command = main_commands; command->name; command++) {
        strbuf_addf(out, "        %s) _arguments '--help[show this help]'", command->name);
        if (command->run == cmd_completion)
            strbuf_adds(out, " '1:shell:(bash zsh fish)'");
        for (const struct options_item *item = items_of(command); item->name; item++)
            zsh_item(out, item);
        strbuf_adds(out, " ;;\n");
    }
    strbuf_adds(out,
                "    esac\n"
                "}\n"
                "if [ \"$funcstack[1]\" = _meshgateway ]; then\n"
                "    _meshgateway \"$@\"\n"
                "else\n"
                "    compdef _meshgateway meshgateway kubectl-mgw\n"
                "fi\n");
}

static void fish_item(struct strbuf *out, const struct command *command,
                      const struct options_item *item)
{
    strbuf_addf(out,
                "complete -c meshgateway -n '__fish_seen_subcommand_from %s' -l %s",
                command->name,
                item->name);
    if (item->letter)
        strbuf_addf(out, " -s %c", item->letter);
    if (item->type != OPTIONS_FLAG)
        strbuf_adds(out, takes_file(item) ? " -r -F" : " -x");
    if (item->type == OPTIONS_CHOICE) {
        strbuf_adds(out, " -a '");
        add_words(out, item->value);
        strbuf_adds(out, "'");
    }
    strbuf_adds(out, " -d '");
    add_help(out, item->help);
    strbuf_adds(out, "'\n");
}

static void write_fish(struct strbuf *out)
{
    strbuf_adds(out,
                "# fish completion of meshgateway\n"
                "complete -c meshgateway -f\n"
                "complete -c meshgateway -l help -s h -d 'show this help'\n");
    for (const struct command *command = main_commands; command->name; command++) {
        strbuf_addf(
            out, "complete -c meshgateway -n __fish_use_subcommand -a %s -d '", command->name);
        add_help(out, command->summary);
        strbuf_adds(out, "'\n");
        for (const struct options_item *item = items_of(command); item->name; item++)
            fish_item(out, command, item);
    }
    strbuf_adds(out,
                "complete -c meshgateway -n '__fish_seen_subcommand_from completion' "
                "-a 'bash zsh fish'\n"
                "complete -c kubectl-mgw -w meshgateway\n");
}

int cmd_completion(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*write)(struct strbuf *out);
    } shells[] = {{"bash", write_bash}, {"zsh", write_zsh}, {"fish", write_fish}};
    int status;
    struct completion_options options = {.shell = NULL};
    if (!options_parse(&cmd_completion_options, argc, argv, &options, &status))
        return status;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_MIB(1));
    for (size_t i = 0; options.shell && i < ARRAY_LEN(shells); i++) {
        if (strcmp(shells[i].name, options.shell) != 0)
            continue;
        shells[i].write(&out);
        return output_write(out.text, out.len);
    }
    fputs("meshgateway completion: name a shell: bash, zsh or fish\n", stderr);
    return EXIT_USAGE;
}
