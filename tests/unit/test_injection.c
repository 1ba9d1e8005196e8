/* SPDX-License-Identifier: Apache-2.0 */
#include "control/injection.h"
#include "support/json.h"
#include "support/unit.h"

/* The four webhooks of Istio's chart for the default control plane, and the two of others'. */
#define INJECT_NOT_FALSE                                                                           \
    "{'key': 'sidecar.istio.io/inject', 'operator': 'NotIn', 'values': ['false']}"
#define DEFAULT                                                                                    \
    "{'metadata': {'name': 'istio-sidecar-injector', 'labels': {'istio.io/rev': 'default'}},"      \
    " 'webhooks': ["                                                                               \
    "{'name': 'namespace.sidecar-injector.istio.io', 'namespaceSelector': {'matchExpressions': ["  \
    " {'key': 'istio-injection', 'operator': 'In', 'values': ['enabled']}]},"                      \
    " 'objectSelector': {'matchExpressions': [" INJECT_NOT_FALSE "]}},"                            \
    "{'name': 'object.sidecar-injector.istio.io', 'namespaceSelector': {'matchExpressions': ["     \
    " {'key': 'istio-injection', 'operator': 'DoesNotExist'},"                                     \
    " {'key': 'istio.io/rev', 'operator': 'DoesNotExist'}]},"                                      \
    " 'objectSelector': {'matchExpressions': ["                                                    \
    " {'key': 'sidecar.istio.io/inject', 'operator': 'In', 'values': ['true']},"                   \
    " {'key': 'istio.io/rev', 'operator': 'DoesNotExist'}]}}]}"
#define REVISION(name, labels, revision)                                                           \
    "{'metadata': {'name': '" name "', 'labels': {" labels "}}, 'webhooks': ["                     \
    "{'name': 'rev.namespace.sidecar-injector.istio.io', 'namespaceSelector': "                    \
    " {'matchExpressions': [{'key': 'istio.io/rev', 'operator': 'In', 'values': ['" revision       \
    "']},"                                                                                         \
    " {'key': 'istio-injection', 'operator': 'DoesNotExist'}]},"                                   \
    " 'objectSelector': {'matchExpressions': [" INJECT_NOT_FALSE "]}},"                            \
    "{'name': 'rev.object.sidecar-injector.istio.io', 'namespaceSelector': {'matchExpressions': "  \
    " [{'key': 'istio.io/rev', 'operator': 'DoesNotExist'},"                                       \
    "  {'key': 'istio-injection', 'operator': 'DoesNotExist'}]},"                                  \
    " 'objectSelector': {'matchExpressions': [" INJECT_NOT_FALSE ","                               \
    "  {'key': 'istio.io/rev', 'operator': 'In', 'values': ['" revision "']}]}}]}"

static const char *const cluster[] = {
    DEFAULT,
    REVISION("istio-revision-tag-prod", "'istio.io/rev': '1-31', 'istio.io/tag': 'prod'", "prod"),
    REVISION("istio-sidecar-injector-1-31", "'istio.io/rev': '1-31'", "1-31"),
};

static json_t *injectors(size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_auto_t *configuration = json_from(cluster[i]);
        json_array_append_new(list, injection_of_webhooks(configuration));
    }
    return list;
}

START_TEST(verdicts)
{
    static const struct {
        size_t injectors;
        const char *ns, *revision;
        const char *reason;
        const char *says;
    } cases[] = {
        {0, "{}", "", "NoInjector", "install istiod"},
        {3,
         "{}",
         "",
         "WebhookMatches",
         "object.sidecar-injector.istio.io of istio-sidecar-injector,"},
        {3, "{'istio-injection': 'enabled'}", "", "WebhookMatches", "namespace.sidecar-injector"},
        {3, "{}", "1-31", "WebhookMatches", "revision 1-31"},
        {3, "{}", "prod", "WebhookMatches", "of istio-revision-tag-prod, revision 1-31"},
        {3, "{'istio.io/rev': 'prod'}", "", "WebhookMatches", "of istio-revision-tag-prod"},
        {3, "{'istio-injection': 'disabled'}", "", "NamespaceDisabled", "istio-injection=disabled"},
        {3, "{}", "1-99", "RevisionNotInstalled", "The gateway asks for the control plane 1-99"},
        {3, "{}", "1-99", "RevisionNotInstalled", "default, prod (tag of 1-31), 1-31"},
        {3, "{'istio.io/rev': '1-98'}", "", "RevisionNotInstalled", "label istio.io/rev asks for"},
        /* Only a revision is installed, and nothing names it. */
        {1, "{'istio.io/rev': 'default'}", "", "NoMatch", "proxy.revision"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *list = injectors(cases[i].injectors);
        json_auto_t *ns = json_from(cases[i].ns);
        json_auto_t *pod =
            OBJ(F("sidecar.istio.io/inject", STR("true")),
                FOPT("istio.io/rev", cases[i].revision[0] ? STR(cases[i].revision) : NULL));
        struct injection_input input = {.injectors = list,
                                        .ns = "edge",
                                        .ns_labels = ns,
                                        .pod_labels = pod,
                                        .revision = cases[i].revision};
        AUTO_VERDICT struct injection_verdict verdict = {.message = NULL};
        injection_check(&input, &verdict);
        ck_assert_msg(strcmp(verdict.reason, cases[i].reason) == 0 &&
                          strstr(verdict.message, cases[i].says),
                      "%zu: %s: %s",
                      i,
                      verdict.reason,
                      verdict.message);
        ck_assert_int_eq(verdict.answer,
                         strcmp(verdict.reason, "WebhookMatches") == 0 ? INJECTION_READY
                                                                       : INJECTION_NOT_READY);
    }
}
END_TEST

START_TEST(tags)
{
    json_auto_t *list = injectors(3);
    ck_assert_str_eq(injection_tagged(list, "prod"), "1-31");
    ck_assert_ptr_null(injection_tagged(list, "1-31"));
    ck_assert_ptr_null(injection_tagged(list, "default"));
}
END_TEST

START_TEST(only_istios_webhooks_are_kept)
{
    static const char *const others[] = {
        "{}",
        "{'webhooks': 1}",
        "{'webhooks': [1, {'name': 2}, {'name': 'x'}]}",
        "{'webhooks': [{'name': 'validation.istio.io'}, {'name': 'sidecar-injector.example.com'}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        json_auto_t *configuration = json_from(others[i]);
        ck_assert_ptr_null(injection_of_webhooks(configuration));
    }
}
END_TEST

START_TEST(pods_that_were_not_filled_in)
{
    static const struct {
        const char *pod;
        bool kept;
    } cases[] = {
        {"{'metadata': {'labels': {'gateway-name': 'g'}}, 'spec': {'containers': ["
         "{'name': 'x', 'image': 'y'}, {'name': 'istio-proxy', 'image': 'auto'}]}}",
         true},
        {"{'metadata': {'labels': {'gateway-name': 'g'}}, 'spec': {'containers': ["
         "{'name': 'istio-proxy', 'image': 'proxyv2'}]}}",
         false},
        {"{'spec': {'containers': [{'name': 'istio-proxy', 'image': 'auto'}]}}", false},
        {"{'spec': {'containers': 'x'}}", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *pod = json_from(cases[i].pod);
        json_auto_t *kept = injection_of_pod(pod);
        ck_assert_int_eq(kept != NULL, cases[i].kept);
    }
}
END_TEST

UNIT_MAIN("injection", verdicts, tags, only_istios_webhooks_are_kept, pods_that_were_not_filled_in)
