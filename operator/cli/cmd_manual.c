/* SPDX-License-Identifier: Apache-2.0 */
/* manual: the manual page, man(7), out of the same tables that parse the options. */
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "data/config.h"

#include <string.h>

static const struct options_item items[] = {{.name = NULL}};

const struct options_command cmd_manual_options = {
    .name = "manual",
    .synopsis = "",
    .description = "Prints the manual page of this program, as man(1) reads it.",
    .example = "  meshgateway manual | man -l -",
    .items = items,
};

struct entry {
    const char *name, *text;
};

static const struct entry statuses[] = {
    {"0", "success; of diff: no difference"},
    {"1",
     "failure, which standard error explains; of lint: something is wrong; of diff: "
     "something would change"},
    {"2", "wrong usage; of diff: any failure"},
    {NULL, NULL},
};

static const struct entry variables[] = {
    {"KUBECONFIG", "kubeconfig files, separated by colons, as for kubectl"},
    {"HOME", "the folder in which .kube/config is looked for"},
    {"KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT",
     "the API server, as a pod finds it; together with the files of its service account"},
    {"HTTPS_PROXY, NO_PROXY", "where the kubeconfig names no proxy-url"},
    {"NO_COLOR", "when set, diff prints no colors by itself"},
    {NULL, NULL},
};

static const struct entry files[] = {
    {"~/.kube/config", "how to reach the API server, where nothing else tells"},
    {"/var/run/secrets/kubernetes.io/serviceaccount",
     "token, ca.crt and namespace of a pod's service account"},
    {NULL, NULL},
};

/* Text for roff: whatever it would take for a command or a ligature stands for itself. */
static void add_text(struct strbuf *out, const char *text)
{
    bool begins = true; /* a line */
    for (; *text; text++) {
        if (begins && (*text == '.' || *text == '\''))
            strbuf_adds(out, "\\&");
        begins = *text == '\n';
        switch (*text) {
        case '\\':
            strbuf_adds(out, "\\e");
            break;
        case '-':
            strbuf_adds(out, "\\-");
            break;
        case '\'':
            strbuf_adds(out, "\\(aq");
            break;
        case '`':
            strbuf_adds(out, "\\(ga");
            break;
        case '~':
            strbuf_adds(out, "\\(ti");
            break;
        case '^':
            strbuf_adds(out, "\\(ha");
            break;
        default:
            strbuf_addc(out, *text);
        }
    }
}

static void add_line(struct strbuf *out, const char *text)
{
    add_text(out, text);
    strbuf_addc(out, '\n');
}

static void add_entries(struct strbuf *out, const char *title, const struct entry *entries)
{
    strbuf_addf(out, ".SH %s\n", title);
    for (const struct entry *entry = entries; entry->name; entry++) {
        strbuf_adds(out, ".TP\n.B ");
        add_line(out, entry->name);
        add_line(out, entry->text);
    }
}

static void add_item(struct strbuf *out, const struct options_item *item)
{
    strbuf_adds(out, ".TP\n");
    if (item->letter)
        strbuf_addf(out, "\\fB\\-%c\\fR, ", item->letter);
    strbuf_adds(out, "\\fB\\-\\-");
    add_text(out, item->name);
    strbuf_adds(out, "\\fR");
    if (item->type != OPTIONS_FLAG) {
        strbuf_adds(out, " \\fI");
        add_text(out, item->value);
        strbuf_adds(out, "\\fR");
    }
    strbuf_addc(out, '\n');
    add_line(out, item->help);
}

static void add_synopsis(struct strbuf *out, const struct command *command)
{
    const char *rest = command->options ? command->options->synopsis : "[COMMAND]";
    strbuf_addf(out, "\\fBmeshgateway %s\\fR%s", command->name, rest[0] ? " " : "");
    add_line(out, rest);
}

static void add_command(struct strbuf *out, const struct command *command)
{
    const struct options_command *options = command->options;
    strbuf_addf(out, ".SS %s\n", command->name);
    add_synopsis(out, command);
    strbuf_adds(out, ".PP\n");
    if (!options) {
        add_text(out, command->summary);
        strbuf_adds(out, ", or list all of them.\n");
        return;
    }
    add_line(out, options->description);
    for (const struct options_item *item = options->items; item->name; item++)
        add_item(out, item);
    add_item(out, &options_help);
}

static void add_commands(struct strbuf *out)
{
    strbuf_adds(out,
                ".SH COMMANDS\n"
                "Long options may be shortened as long as they stay unique; values follow after "
                "a space or \"=\".\n");
    for (const struct command *command = main_commands; command->name; command++)
        add_command(out, command);
}

static void add_head(struct strbuf *out)
{
    strbuf_adds(out,
                /* No date: the same source gives the same bytes. */
                ".TH MESHGATEWAY 1 \"\" \"meshgateway " MESHGATEWAY_VERSION "\" \"User Commands\"\n"
                ".nh\n.ad l\n" /* names are not torn apart */
                ".SH NAME\n"
                "meshgateway, kubectl\\-mgw \\- Istio gateways in Kubernetes\n"
                ".SH SYNOPSIS\n");
    for (const struct command *command = main_commands; command->name; command++) {
        strbuf_adds(out, command == main_commands ? "" : ".br\n");
        add_synopsis(out, command);
    }
    strbuf_adds(out,
                ".SH DESCRIPTION\n"
                "Runs Istio ingress and egress gateways in Kubernetes, each described by a "
                "MeshGateway resource (istio.banzaicloud.io/v1beta1).\n"
                "\\fBrun\\fR is the operator: it makes the objects of each gateway and keeps them "
                "in step.\n"
                "The other commands are for people; \\fBrender\\fR, \\fBlint\\fR and "
                "\\fBconvert\\fR need no cluster.\n"
                ".PP\n"
                "The link \\fBkubectl\\-mgw\\fR makes every command one of kubectl: "
                "\\fBkubectl mgw status\\fR.\n"
                "\\fBkubectl explain mgw.spec\\fR tells what a MeshGateway can say.\n");
}

static void add_configuration(struct strbuf *out)
{
    strbuf_adds(out,
                ".SH CONFIGURATION\n"
                "The file of \\fB\\-\\-config\\fR is YAML.\n"
                "It says what holds where a MeshGateway says nothing itself; unknown keys are "
                "refused.\n");
    for (const struct config_key *key = config_keys; key->name; key++) {
        strbuf_adds(out, ".TP\n.B ");
        add_line(out, key->name);
        add_line(out, key->help);
    }
}

static void add_examples(struct strbuf *out)
{
    strbuf_adds(out, ".SH EXAMPLES\n.EX\n");
    for (const struct command *command = main_commands; command->name; command++)
        if (command->options)
            add_line(out, command->options->example);
    strbuf_adds(out, ".EE\n");
}

int cmd_manual(int argc, char **argv)
{
    int status;
    if (!options_parse(&cmd_manual_options, argc, argv, NULL, &status))
        return status;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(LIMIT_MIB(1));
    add_head(&out);
    add_commands(&out);
    add_configuration(&out);
    add_entries(&out, "EXIT STATUS", statuses);
    add_entries(&out, "ENVIRONMENT", variables);
    add_entries(&out, "FILES", files);
    add_examples(&out);
    strbuf_adds(&out, ".SH SEE ALSO\n.BR kubectl (1),\n.BR diff (1)\n");
    return output_write(out.text, out.len);
}
