/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include "base/limits.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/output.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* getopt's values of long options: the index in the table, clear of all letters. */
#define LONG_BASE 0x100
/* Column at which the help of an option starts. */
#define HELP_COLUMN 34

const struct options_item options_help = {
    .name = "help", .letter = 'h', .type = OPTIONS_FLAG, .help = "show this help"};

static size_t count_items(const struct options_item *items)
{
    size_t count = 0;
    while (items[count].name)
        count++;
    return count;
}

PRINTF_LIKE(2, 3)
static int complain(const struct options_command *command, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "meshgateway %s: ", command->name);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    return -1;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strcspn(value, "|");
    if (value[len] == '|')
        return false;
    for (const char *word = choices; word; word = strchr(word, '|')) {
        word += *word == '|';
        if (len > 0 && strncmp(word, value, len) == 0 && (word[len] == '|' || word[len] == '\0'))
            return true;
    }
    return false;
}

static int set_number(const struct options_command *command, const struct options_item *item,
                      const char *value, int *ret)
{
    char *end = NULL;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || number < item->min || number > item->max) {
        return complain(command,
                        "option --%s: \"%s\" is not a number from %d to %d",
                        item->name,
                        value,
                        item->min,
                        item->max);
    }
    *ret = (int)number;
    return 0;
}

/* Go's time.ParseDuration, as far as milliseconds go. The end of the number and its unit, or NULL.
 */
static const char *read_duration(const char *text, double *ret_ms)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    char *end = NULL;
    size_t digits = strspn(text, "0123456789.");
    double number = strtod(text, &end);
    if (digits == 0 || end != text + digits) /* strtod knows more spellings */
        return NULL;
    size_t len = strspn(end, "hms");
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (len != strlen(units[i].name) || strncmp(end, units[i].name, len) != 0)
            continue;
        *ret_ms = number * units[i].ms;
        return end + len;
    }
    return NULL;
}

static int set_duration(const struct options_command *command, const struct options_item *item,
                        const char *value, int *ret)
{
    double total = 0, part;
    const char *at = value;
    while ((at = read_duration(at, &part)) && (total += part) <= item->max && *at)
        continue;
    if (!at || total < item->min || total > item->max) {
        return complain(command,
                        "option --%s: \"%s\" is not a duration from %gs to %gs, like 15s or 1m30s",
                        item->name,
                        value,
                        item->min / 1000.0,
                        item->max / 1000.0);
    }
    *ret = (int)total;
    return 0;
}

static int set_value(const struct options_command *command, const struct options_item *item,
                     const char *value, void *into)
{
    void *field = (char *)into + item->offset;
    switch (item->type) {
    case OPTIONS_FLAG:
        *(bool *)field = true;
        return 0;
    case OPTIONS_NUMBER:
        return set_number(command, item, value, field);
    case OPTIONS_DURATION:
        return set_duration(command, item, value, field);
    case OPTIONS_CHOICE:
        if (!is_choice(item->value, value)) {
            return complain(
                command, "option --%s: \"%s\" is none of %s", item->name, value, item->value);
        }
        *(const char **)field = value;
        return 0;
    case OPTIONS_TEXT:
        *(const char **)field = value;
        return 0;
    case OPTIONS_LIST: {
        struct options_list *list = field;
        if (!value[0])
            return complain(command, "option --%s: the value is empty", item->name);
        list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
        list->items[list->count++] = value;
        return 0;
    }
    }
    return -1;
}

/* The option that getopt found: the index in the table, `count` for help, -1 for none. */
static ssize_t find_item(const struct options_item *items, size_t count, int found)
{
    if (found >= LONG_BASE)
        return found - LONG_BASE;
    for (size_t i = 0; i < count; i++) {
        if (items[i].letter == found)
            return (ssize_t)i;
    }
    return found == options_help.letter ? (ssize_t)count : -1;
}

static struct option *long_options(const struct options_item *items, size_t count)
{
    struct option *options = xcalloc(count + 2, sizeof(*options));
    for (size_t i = 0; i <= count; i++) {
        const struct options_item *item = i < count ? &items[i] : &options_help;
        options[i] =
            (struct option){.name = item->name,
                            .has_arg = item->type == OPTIONS_FLAG ? no_argument : required_argument,
                            .val = LONG_BASE + (int)i};
    }
    return options;
}

static char *short_options(const struct options_item *items, size_t count)
{
    struct strbuf text = STRBUF_INIT(LIMIT_URL);
    for (size_t i = 0; i <= count; i++) {
        const struct options_item *item = i < count ? &items[i] : &options_help;
        if (item->letter)
            strbuf_addf(&text, "%c%s", item->letter, item->type == OPTIONS_FLAG ? "" : ":");
    }
    return strbuf_take(&text);
}

static void add_item(struct strbuf *text, const struct options_item *item)
{
    size_t start = text->len;
    if (item->letter)
        strbuf_addf(text, "  -%c, --%s", item->letter, item->name);
    else
        strbuf_addf(text, "      --%s", item->name);
    if (item->type != OPTIONS_FLAG)
        strbuf_addf(text, " %s", item->value);
    int pad = HELP_COLUMN - (int)(text->len - start);
    if (pad < 2) {
        strbuf_addc(text, '\n');
        pad = HELP_COLUMN;
    }
    for (const char *line = item->help; line;) {
        const char *end = strchrnul(line, '\n');
        strbuf_addf(text, "%*s%.*s\n", pad, "", (int)(end - line), line);
        pad = HELP_COLUMN;
        line = *end ? end + 1 : NULL;
    }
}

static int show_help(const struct options_command *command)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(LIMIT_MIB(1));
    strbuf_addf(&text,
                "Usage: meshgateway %s %s\n\n%s\n\nOptions:\n",
                command->name,
                command->synopsis,
                command->description);
    for (const struct options_item *item = command->items; item->name; item++)
        add_item(&text, item);
    add_item(&text, &options_help);
    strbuf_addf(&text, "\nExample:\n%s\n", command->example);
    return output_write(text.text, text.len);
}

static int check_required(const struct options_command *command, const void *into)
{
    for (const struct options_item *item = command->items; item->name; item++) {
        const struct options_list *list = (const void *)((const char *)into + item->offset);
        if (item->required && list->count == 0)
            return complain(command, "option --%s is missing", item->name);
    }
    return 0;
}

/* What getopt and the table make of argv: 'h' help, '?' wrong, 0 all well. */
static int read_arguments(const struct options_command *command, int argc, char **argv, void *into)
{
    size_t count = count_items(command->items);
    AUTO_FREE struct option *longs = long_options(command->items, count);
    AUTO_FREE char *shorts = short_options(command->items, count);
    optind = 0; /* also starts getopt anew */
    int found;
    while ((found = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        ssize_t i = find_item(command->items, count, found);
        if (i == (ssize_t)count)
            return 'h';
        if (i < 0 || set_value(command, &command->items[i], optarg, into) < 0)
            return '?';
    }
    if (optind < argc && command->operand)
        *(const char **)(void *)((char *)into + command->operand_offset) = argv[optind++];
    if (optind < argc) {
        complain(command, "unexpected argument \"%s\"", argv[optind]);
        return '?';
    }
    return check_required(command, into) < 0 ? '?' : 0;
}

bool options_parse(const struct options_command *command, int argc, char **argv, void *into,
                   int *ret_status)
{
    AUTO_FREE char *title = xasprintf("meshgateway %s", command->name);
    char *original = argv[0];
    argv[0] = title; /* begins getopt's messages */
    int verdict = read_arguments(command, argc, argv, into);
    argv[0] = original;
    if (verdict != 0)
        *ret_status = verdict == 'h' ? show_help(command) : EXIT_USAGE;
    return verdict == 0;
}
