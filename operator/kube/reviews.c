/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/reviews.h"

#include "base/limits.h"
#include "base/now.h"
#include "kube/decode.h"
#include "kube/reviewcache.h"
#include "kube/session.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define REVIEW_MS    10000
#define TOKEN_MS     60000
#define ALLOWED_MS   300000
#define FORBIDDEN_MS 30000

#define TOKEN_REVIEWS  "/apis/authentication.k8s.io/v1/tokenreviews"
#define ACCESS_REVIEWS "/apis/authorization.k8s.io/v1/subjectaccessreviews"

struct waiter {
    reviews_done *done;
    void *arg;
    struct waiter *prev, *next;
};

/* The same question of one or more who wait for it. */
struct review {
    struct reviews *reviews;
    char *token, *path;
    struct reviewcache_key token_key, access_key;
    json_t *access;               /* the spec of the SubjectAccessReview, once the user is known */
    struct session_call *session; /* NULL: nothing was sent */
    struct waiter *waiters;
    struct review *prev, *next;
};

struct reviews {
    struct session *session;
    struct loop_timer *turn;   /* begins with those that are new */
    struct reviewcache tokens; /* a digest of the token -> the user, or null */
    struct reviewcache access; /* a digest of user and path -> true or false */
    struct review *open;
    int sent;
};

/* jansson frees without wiping. */
static void wipe(const json_t *string)
{
    const char *text = json_string_value(string);
    if (text)
        explicit_bzero((char *)(uintptr_t)text, json_string_length(string));
}

static void finish(struct review *review, enum reviews_verdict verdict, const struct err *err)
{
    DL_DELETE(review->reviews->open, review);
    struct waiter *waiter, *next;
    DL_FOREACH_SAFE(review->waiters, waiter, next)
    {
        waiter->done(waiter->arg, verdict, err);
        free(waiter);
    }
    mem_free_secret(review->token);
    free(review->path);
    json_decref(review->access);
    free(review);
}

static void proceed(struct review *review);

static void keep_token(struct review *review, const json_t *answer)
{
    json_t *user = jx_object(answer, "status.user");
    bool known = jx_bool(answer, "status.authenticated", false) && jx_str(user, "username", NULL);
    reviewcache_put(&review->reviews->tokens,
                    &review->token_key,
                    known ? REF(user) : json_null(),
                    now_ms() + TOKEN_MS);
}

static void keep_access(struct review *review, const json_t *answer)
{
    bool allowed = jx_bool(answer, "status.allowed", false);
    reviewcache_put(&review->reviews->access,
                    &review->access_key,
                    BOOL(allowed),
                    now_ms() + (allowed ? ALLOWED_MS : FORBIDDEN_MS));
}

static void on_answer(void *arg, const struct session_reply *reply)
{
    struct review *review = arg;
    review->session = NULL;
    review->reviews->sent--;
    struct err err = reply->err;
    json_auto_t *answer = NULL;
    if (err.kind == ERR_NONE)
        answer = decode_json(reply->body, reply->len, &err);
    if (!answer) {
        err_wrap(&err, review->access ? "SubjectAccessReview" : "TokenReview");
        finish(review, REVIEWS_FAILED, &err);
        return;
    }
    wipe(jx_get(answer, "spec.token"));
    if (review->access)
        keep_access(review, answer);
    else
        keep_token(review, answer);
    proceed(review);
}

static void send(struct review *review, const char *target, json_t *body)
{
    struct reviews *reviews = review->reviews;
    if (reviews->sent >= LIMIT_REVIEWS) {
        struct err err = {.kind = ERR_NONE};
        err_set(&err, ERR_THROTTLED, "%d reviews are under way already", LIMIT_REVIEWS);
        finish(review, REVIEWS_FAILED, &err);
        return;
    }
    reviews->sent++;
    review->session = session_send(reviews->session,
                                   &(const struct session_request){
                                       .method = "POST",
                                       .target = target,
                                       .content_type = "application/json",
                                       .body = jx_compact(body),
                                       .secret = true,
                                       .total_ms = REVIEW_MS,
                                       .max_body = LIMIT_REVIEW_BODY,
                                       .done = on_answer,
                                       .arg = review,
                                   });
}

static void ask_whose_token(struct review *review)
{
    json_auto_t *body = OBJ(F("apiVersion", STR("authentication.k8s.io/v1")),
                            F("kind", STR("TokenReview")),
                            F("spec", OBJ(F("token", STR(review->token)))));
    send(review, TOKEN_REVIEWS, body);
    wipe(jx_get(body, "spec.token"));
}

static void ask_for_access(struct review *review)
{
    json_auto_t *body = OBJ(F("apiVersion", STR("authorization.k8s.io/v1")),
                            F("kind", STR("SubjectAccessReview")),
                            F("spec", REF(review->access)));
    send(review, ACCESS_REVIEWS, body);
}

static json_t *access_spec(const struct review *review, const json_t *user)
{
    return OBJ(
        F("user", REF(json_object_get(user, "username"))),
        FOPT("uid", REF(json_object_get(user, "uid"))),
        FOPT("groups", REF(json_object_get(user, "groups"))),
        FOPT("extra", REF(json_object_get(user, "extra"))),
        F("nonResourceAttributes", OBJ(F("path", STR(review->path)), F("verb", STR("get")))));
}

/* The next question to which no answer is at hand, or the verdict. */
static void proceed(struct review *review)
{
    static const struct err none = {.kind = ERR_NONE};
    struct reviews *reviews = review->reviews;
    if (!review->access) {
        const json_t *user = reviewcache_find(&reviews->tokens, &review->token_key, now_ms());
        if (!user) {
            ask_whose_token(review);
            return;
        }
        if (!json_is_object(user)) {
            finish(review, REVIEWS_UNKNOWN, &none);
            return;
        }
        review->access = access_spec(review, user);
        AUTO_FREE char *text = jx_canonical(review->access);
        review->access_key = reviewcache_key(text);
    }
    const json_t *allowed = reviewcache_find(&reviews->access, &review->access_key, now_ms());
    if (allowed)
        finish(review, json_is_true(allowed) ? REVIEWS_ALLOWED : REVIEWS_FORBIDDEN, &none);
    else
        ask_for_access(review);
}

static void on_turn(void *arg)
{
    struct reviews *reviews = arg;
    struct review *review, *next;
    DL_FOREACH_SAFE(reviews->open, review, next)
    if (!review->session)
        proceed(review);
}

static struct review *find_same(const struct reviews *reviews, const struct reviewcache_key *token,
                                const char *path)
{
    struct review *review;
    DL_FOREACH (reviews->open, review) {
        if (memcmp(token, &review->token_key, sizeof(*token)) == 0 &&
            strcmp(path, review->path) == 0)
            return review;
    }
    return NULL;
}

void reviews_ask(struct reviews *reviews, const char *token, const char *path, reviews_done *done,
                 void *arg)
{
    struct reviewcache_key key = reviewcache_key(token);
    struct review *review = find_same(reviews, &key, path);
    if (!review) {
        review = xcalloc(1, sizeof(*review));
        review->reviews = reviews;
        review->token = xstrdup(token);
        review->path = xstrdup(path);
        review->token_key = key;
        DL_APPEND(reviews->open, review);
        loop_timer_start(reviews->turn, 0);
    }
    struct waiter *waiter = xcalloc(1, sizeof(*waiter));
    waiter->done = done;
    waiter->arg = arg;
    DL_APPEND(review->waiters, waiter);
}

struct reviews *reviews_new(struct kube *kube)
{
    struct reviews *reviews = xcalloc(1, sizeof(*reviews));
    reviews->session = kube_session(kube);
    reviews->turn = loop_timer_new(session_loop(reviews->session), on_turn, reviews);
    reviews->tokens.max = reviews->access.max = LIMIT_REVIEW_ANSWERS;
    return reviews;
}

void reviews_free(struct reviews *reviews)
{
    if (!reviews)
        return;
    struct err err = {.kind = ERR_NONE};
    err_set(&err, ERR_UNAVAILABLE, "the operator stops");
    while (reviews->open) {
        if (reviews->open->session)
            session_cancel(reviews->open->session);
        finish(reviews->open, REVIEWS_FAILED, &err);
    }
    loop_timer_free(reviews->turn);
    reviewcache_done(&reviews->tokens);
    reviewcache_done(&reviews->access);
    free(reviews);
}
