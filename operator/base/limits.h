/* SPDX-License-Identifier: Apache-2.0 */
/* Every ceiling on something whose size others decide, in bytes unless said otherwise. */
#pragma once

#define LIMIT_KIB(n) ((size_t)(n)*1024)
#define LIMIT_MIB(n) ((size_t)(n)*1024 * 1024)

#define LIMIT_LOG_LINE       LIMIT_KIB(16)
#define LIMIT_METRICS_TEXT   LIMIT_MIB(16)
#define LIMIT_URL            LIMIT_KIB(8)
#define LIMIT_SELECTOR       LIMIT_KIB(2)   /* a label selector of the command line */
#define LIMIT_FILE           LIMIT_MIB(64)  /* an input file of the command line */
#define LIMIT_HTTPD_HEAD     LIMIT_KIB(16)  /* head of a request to our own server */
#define LIMIT_HTTPD_CLIENTS  64             /* connections of one of our own servers */
#define LIMIT_PROBLEMS_TEXT  LIMIT_MIB(16)  /* what the command line says is wrong with its input */
#define LIMIT_RENDERED       LIMIT_MIB(512) /* the result of "render" */
#define LIMIT_CONFIG         LIMIT_MIB(1)   /* the operator's configuration file */
#define LIMIT_CREDENTIAL     LIMIT_MIB(1) /* kubeconfig, token, certificate, key or plugin output */
#define LIMIT_REQUEST_BODY   LIMIT_MIB(3) /* what kube-apiserver accepts at most */
#define LIMIT_RESPONSE_BODY  LIMIT_MIB(16)  /* one object */
#define LIMIT_LIST_BODY      LIMIT_MIB(256) /* one page of a list */
#define LIMIT_ERROR_BODY     LIMIT_KIB(64)  /* body of an error answer */
#define LIMIT_REVIEWS        8              /* reviews of the access to our own server under way */
#define LIMIT_REVIEW_BODY    LIMIT_KIB(64)  /* answer to one of them */
#define LIMIT_REVIEW_ANSWERS 256            /* answers that are kept, of either kind */
#define LIMIT_WATCH_LINE     LIMIT_MIB(16)  /* one watch event */
#define LIMIT_QUANTITY       64             /* characters of a Kubernetes quantity */
#define LIMIT_FIELD_PATH     LIMIT_KIB(4)   /* path of a field in a message */
#define LIMIT_PROBLEMS       1000           /* problems told about one document */
#define LIMIT_DIFF_CELLS     16000000       /* pairs of lines that a difference compares */
#define LIMIT_YAML_DOCUMENTS 100000         /* documents in one input */
#define LIMIT_YAML_DEPTH     64             /* levels of nesting */
#define LIMIT_YAML_NODES     1000000 /* nodes of one document; also added by aliases to one input */
#define LIMIT_YAML_COPIES    100000  /* nodes that aliases add to one document */
#define LIMIT_PATCH_DEPTH    100     /* levels of nesting that a patch may lead to */
#define LIMIT_PATCH_COPIES   LIMIT_KIB(256) /* what the "copy" operations of one patch copy */
#define LIMIT_RECORD_TEXT    LIMIT_KIB(1)   /* a text remembered of somebody else's object */
#define LIMIT_PATCH_LIST     500            /* elements of a list that a patch merges by key */
#define LIMIT_MESHES         100            /* control planes that gateways belong to */
#define LIMIT_EVENTS         4096           /* events that are remembered to count repetitions */
#define LIMIT_EVENTS_PENDING 1000           /* events that are being sent */
#define LIMIT_EVENT_NOTE     1024           /* what the API server takes */
#define LIMIT_EVENT_NAME     128            /* reporting controller and instance, ″ */
