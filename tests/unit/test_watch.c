/* SPDX-License-Identifier: Apache-2.0 */
#include "support/unit.h"
#include "support/watching.h"

#define MAX_REPLIES 8

/* What the server says, what the sink hears, and what is asked, in the order of time. */
static const struct {
    const char *name;
    struct fakeserver_reply replies[MAX_REPLIES];
    const char *heard, *asked;
} scripts[] = {
    {"initial events, changes, orderly end",
     {ENDS(HEAD ADDED("a", "9") ADDED("b", "3") END("10") MODIFIED("a", "11") DELETED("b", "12"))},
     "begin\nobject a\nobject b\nsynced\nobject a\ndeleted b\n",
     "all 12"},
    {"bookmarks move on",
     {ENDS(HEAD END("10") BOOKMARK("15") ADDED("c", "16") BOOKMARK("20"))},
     "begin\nsynced\nobject c\n",
     "all 20"},
    {"half a line is not applied",
     {ENDS(HEAD END("10") ADDED("a", "11") "{\"type\":\"ADDED\",\"obj")},
     "begin\nsynced\nobject a\n",
     "all 11"},
    {"reset", {CUT(HEAD END("10") ADDED("a", "11"))}, "begin\nsynced\nobject a\n", "all 11"},
    {"410 as an event",
     {ENDS(HEAD ADDED("a", "1") END("10") ADDED("a", "11") EVENT("ERROR", EXPIRED)),
      ENDS(HEAD END("30") MODIFIED("b", "31"))},
     "begin\nobject a\nsynced\nobject a\nbegin\nsynced\nobject b\n",
     "all all 31"},
    {"410 as an answer",
     {ENDS(HEAD END("10") ADDED("a", "11")),
      ENDS(ERROR("410 Gone", "\r\n" EXPIRED)),
      ENDS(HEAD END("30") ADDED("a", "31"))},
     "begin\nsynced\nobject a\nbegin\nsynced\nobject a\n",
     "all 11 all 31"},
    {"410 Gone without a code, in text",
     {ENDS(HEAD END("10") ADDED("a", "11")), ENDS(ERROR("410 Gone", "\r\ngone"))},
     "begin\nsynced\nobject a\n",
     "all 11 all"},
    {"410 of a continue token",
     {ENDS(FORBIDDEN_FIELD),
      ENDS(LIST("5", "t", ITEM("a"))),
      ENDS(ERROR("410 Gone", "\r\n" EXPIRED)),
      ENDS(LIST("8", "", ITEM("a") "," ITEM("b")))},
     "begin\nobject a\nbegin\nobject a\nobject b\nsynced\n",
     "all list list-t list-whole 8"},
    {"fallback to pages",
     {ENDS(FORBIDDEN_FIELD),
      ENDS(LIST("5", "t%2F", ITEM("a") "," ITEM("b"))),
      ENDS(LIST("5", "", ITEM("c"))),
      ENDS(HEAD ADDED("d", "6"))},
     "begin\nobject a\nobject b\nobject c\nsynced\nobject d\n",
     "all list list-t%252F 5 6"},
    {"an end of the initial events without a version",
     {ENDS(HEAD END("")), ENDS(HEAD END("5") ADDED("a", "6"))},
     "begin\nsynced\nstate unavailable ShortWatch\nbegin\nsynced\nstate ok\nobject a\n",
     "all all 6"},
    {"a list that is cut",
     {ENDS(FORBIDDEN_FIELD), ENDS(HEAD "{\"items\":[" ITEM("a")), ENDS(LIST("5", "", ""))},
     "begin\nobject a\nstate internal -\nbegin\nsynced\nstate ok\n",
     "all list list 5"},
    {"dies before the end of the initial events",
     {ENDS(HEAD ADDED("a", "1")),
      CUT(HEAD ADDED("a", "1")),
      ENDS(HEAD ADDED("a", "1") END("10") ADDED("b", "11"))},
     "begin\nobject a\nstate unavailable ShortWatch\nbegin\nobject a\nstate unavailable Transport\n"
     "begin\nobject a\nsynced\nstate ok\nobject b\n",
     "all all all 11"},
    {"deleted before the end of the initial events",
     {ENDS(HEAD ADDED("a", "1") DELETED("a", "2") ADDED("b", "3") DELETED("b", "4") ADDED("b", "5")
               END("10") ADDED("c", "11"))},
     "begin\nobject a\nobject b\nobject b\nsynced\ndeleted a\nobject c\n",
     "all 11"},
    {"events of later versions, of other kinds and without a name",
     {ENDS(HEAD END("10") EVENT("SIGNAL", "[7]") EVENT("ADDED", "{\"kind\":\"Table\"}") EVENT(
         "ADDED", "{\"kind\":\"Thing\"," META("\"name\":7") "}") "\n" ADDED("a", "11"))},
     "begin\nsynced\nobject a\n",
     "all 11"},
    {"an event that cannot be read is left out the second time",
     {ENDS(HEAD END("10") "{\"type\":\"ADDED\"}\n" ADDED("never", "11")),
      ENDS(HEAD "junk\n" ADDED("a", "12"))},
     "begin\nsynced\nstate internal -\nstate ok\nobject a\n",
     "all 10 12"},
    {"kind not served, and served later",
     {ENDS("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n404 page not found\n"),
      ENDS("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n404 page not found\n"),
      ENDS(HEAD END("10") ADDED("a", "11"))},
     "state not-found KindNotServed\nbegin\nsynced\nstate ok\nobject a\n",
     "all all all 11"},
    {"kind deleted under a watch",
     {ENDS(HEAD ADDED("a", "1") END("10") DELETED("a", "11")),
      ENDS("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n404 page not found\n"),
      ENDS(HEAD END("20") ADDED("b", "21"))},
     "begin\nobject a\nsynced\ndeleted a\nstate not-found KindNotServed\nbegin\nsynced\nstate ok\n"
     "object b\n",
     "all 11 all 21"},
    {"forbidden, throttled, broken: from the same version",
     {ENDS(HEAD END("10") ADDED("a", "11")),
      ENDS(ERROR("403 Forbidden", "\r\n{}")),
      ENDS(ERROR("429 Slow", "\r\n{}")),
      ENDS(ERROR("503 No", "\r\nno")),
      ENDS("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>"),
      ENDS(HEAD ADDED("b", "12"))},
     "begin\nsynced\nobject a\nstate denied -\nstate throttled -\nstate unavailable -\n"
     "state unavailable -\nstate ok\nobject b\n",
     "all 11 11 11 11 11 12"},
    {"a version of the future or one that is none",
     {ENDS(HEAD END("10") ADDED("a", "11")),
      ENDS(ERROR("504 T", "\r\n{\"kind\":\"Status\",\"reason\":\"Timeout\",\"details\":{\"causes\":"
                          "[{\"reason\":\"ResourceVersionTooLarge\"}]}}")),
      ENDS(HEAD END("20") ADDED("a", "21")),
      ENDS(ERROR("400 Bad", "\r\n{}"))},
     "begin\nsynced\nobject a\nstate unavailable ResourceVersionTooLarge\nbegin\nsynced\nstate ok\n"
     "object a\nstate invalid -\n",
     "all 11 all 21 all"},
    {"an error within the stream, but throttling, starts over",
     {ENDS(HEAD END("10") EVENT("ERROR", "{\"code\":429,\"kind\":\"Status\"}")),
      ENDS(HEAD EVENT("ERROR", "{\"code\":500,\"reason\":\"InternalError\"}"))},
     "begin\nsynced\nstate throttled -\nstate unavailable InternalError\n",
     "all 10 all"},
};

START_TEST(test_scripts)
{
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        for (size_t step = 0; step < 2; step++) {
            struct fakeserver_reply replies[MAX_REPLIES];
            size_t count = 0;
            for (; count < MAX_REPLIES && scripts[i].replies[count].bytes; count++) {
                replies[count] = scripts[i].replies[count];
                /* What is reset may lose what was sent: then as one piece, and read before. */
                replies[count].step = replies[count].after == FAKESERVER_RESET ? 0 : step;
            }
            struct fixture f;
            set_up(&f, replies, count);
            /* On a busy machine an end that is to be too soon comes late. */
            if (strstr(scripts[i].heard, "ShortWatch"))
                f.timing.short_watch = 300;
            ck_assert_uint_eq(f.trace.text.len, 0);
            run_script(&f, count + 1);
            AUTO_FREE char *asked = versions_asked(&f);
            AUTO_FREE char *got = xasprintf("%s:\n%s%s", scripts[i].name, f.trace.text.text, asked);
            AUTO_FREE char *want =
                xasprintf("%s:\n%s%s", scripts[i].name, scripts[i].heard, scripts[i].asked);
            ck_assert_str_eq(got, want);
            strbuf_clear(&f.trace.text);
            tear_down(&f);
        }
    }
}
END_TEST

/* A list of metadata is a kind of its own: asked for as objects are, it is refused with 406. */
START_TEST(test_metadata_only)
{
    static const struct fakeserver_reply replies[] = {
        ENDS(FORBIDDEN_FIELD), ENDS(LIST("5", "", ITEM("a"))), STAYS(HEAD)};
    static const struct kube_scope scope = {
        .ns = "n", .labels = "a=b", .fields = "c.d=e", .metadata_only = true};
    static const char *const kinds[] = {
        "PartialObjectMetadata", "PartialObjectMetadataList", "PartialObjectMetadata"};
    struct fixture f;
    set_up(&f, replies, ARRAY_LEN(replies));
    watch_free(f.watch);
    f.watch = watch_new(f.kube, &things, &scope, &sink, &f);
    run_script(&f, ARRAY_LEN(replies));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        AUTO_FREE char *accept =
            xasprintf("\r\nAccept: application/json;as=%s;g=meta.k8s.io;v=v1\r\n", kinds[i]);
        ck_assert_ptr_nonnull(strstr(fakeserver_request(f.server, i), accept));
    }
    trace_check(&f.trace, "begin\nobject a\nsynced\n");
    tear_down(&f);
}
END_TEST

UNIT_MAIN("watch", test_scripts, test_metadata_only)
