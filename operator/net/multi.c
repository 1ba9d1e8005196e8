/* SPDX-License-Identifier: Apache-2.0 */
#include "net/multi.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <utlist.h>

struct multi {
    struct loop *loop;
    CURLM *curl;
    struct loop_timer *timer;
    bool busy; /* libcurl is on the stack below us */
    struct transfer *waiting;
    struct transfer *dropped;
};

/* Our side of one socket that libcurl wants watched. */
struct interest {
    struct multi *multi;
    struct event *event;
    short events;
};

static void start_waiting(struct multi *multi)
{
    while (multi->waiting) {
        struct transfer *transfer = multi->waiting;
        DL_DELETE(multi->waiting, transfer);
        transfer->state = TRANSFER_RUNS;
        CURLMcode code = curl_multi_add_handle(multi->curl, transfer->easy);
        assert(code == CURLM_OK);
    }
}

static void release_dropped(struct multi *multi)
{
    while (multi->dropped) {
        struct transfer *transfer = multi->dropped;
        DL_DELETE(multi->dropped, transfer);
        curl_multi_remove_handle(multi->curl, transfer->easy);
        transfer->release(transfer);
    }
}

/* Reports what has ended. The callbacks may add and drop transfers, also those read next. */
static void report_done(struct multi *multi)
{
    int left = 0;
    CURLMsg *msg = NULL;
    while ((msg = curl_multi_info_read(multi->curl, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        struct transfer *transfer = NULL;
        CURLcode code = msg->data.result; /* msg dies with the removal */
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &transfer);
        curl_multi_remove_handle(multi->curl, transfer->easy);
        transfer->state = TRANSFER_OUT;
        transfer->done(transfer, code);
    }
}

static void act(struct multi *multi, curl_socket_t fd, int events)
{
    int running = 0;
    multi->busy = true;
    CURLMcode code = curl_multi_socket_action(multi->curl, fd, events, &running);
    assert(code == CURLM_OK);
    multi->busy = false;
    release_dropped(multi);
    start_waiting(multi);
    report_done(multi);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    const struct interest *interest = arg;
    act(interest->multi,
        fd,
        (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_time(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int want_socket(CURL *easy UNUSED, curl_socket_t fd, int what, void *multi_arg,
                       void *interest_arg)
{
    struct multi *multi = multi_arg;
    struct interest *interest = interest_arg;
    if (what == CURL_POLL_REMOVE) {
        if (interest) {
            event_free(interest->event);
            free(interest);
            curl_multi_assign(multi->curl, fd, NULL);
        }
        return 0;
    }
    short events = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
                           (what & CURL_POLL_OUT ? EV_WRITE : 0));
    if (!interest) {
        interest = xcalloc(1, sizeof(*interest));
        interest->multi = multi;
        curl_multi_assign(multi->curl, fd, interest);
    } else if (interest->events == events) {
        return 0;
    } else {
        event_free(interest->event);
    }
    interest->events = events;
    interest->event = event_new(loop_base(multi->loop), fd, events, on_ready, interest);
    if (!interest->event || event_add(interest->event, NULL) < 0)
        abort();
    return 0;
}

static int want_time(CURLM *curl UNUSED, long timeout_ms, void *arg)
{
    const struct multi *multi = arg;
    if (timeout_ms < 0)
        loop_timer_stop(multi->timer);
    else
        loop_timer_start(multi->timer, timeout_ms);
    return 0;
}

struct multi *multi_new(struct loop *loop, long max_connections)
{
    struct multi *multi = xcalloc(1, sizeof(*multi));
    multi->loop = loop;
    multi->timer = loop_timer_new(loop, on_time, multi);
    multi->curl = curl_multi_init();
    if (!multi->curl)
        abort();
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, want_time);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, max_connections);
    return multi;
}

void multi_free(struct multi *multi)
{
    if (!multi)
        return;
    assert(!multi->busy && !multi->waiting && !multi->dropped);
    curl_multi_cleanup(multi->curl);
    loop_timer_free(multi->timer);
    free(multi);
}

void multi_add(struct multi *multi, struct transfer *transfer)
{
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    transfer->state = TRANSFER_WAITS;
    DL_APPEND(multi->waiting, transfer);
    if (!multi->busy)
        start_waiting(multi);
}

void multi_drop(struct multi *multi, struct transfer *transfer)
{
    switch (transfer->state) {
    case TRANSFER_WAITS:
        DL_DELETE(multi->waiting, transfer);
        transfer->release(transfer);
        return;
    case TRANSFER_RUNS:
        transfer->state = TRANSFER_DROPPED;
        DL_APPEND(multi->dropped, transfer);
        if (!multi->busy)
            release_dropped(multi);
        return;
    case TRANSFER_OUT:
    case TRANSFER_DROPPED:
        assert(false && "a transfer is dropped once, while it is in");
    }
}
