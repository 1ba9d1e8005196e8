/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON out of libyaml's events: keys, anchors and aliases, merge keys, the ceilings on depth and
 * on what aliases expand to. One builder serves all documents of an input, one after the other.
 */
#pragma once

#include "base/err.h"
#include "data/yamlmarks.h"

#include <jansson.h>
#include <yaml.h>

struct yamlbuild;

struct yamlbuild *yamlbuild_new(void) __attribute__((returns_nonnull));
/* Takes in the next event. -1 with ERR_INVALID and a message without the place, which is the
 * event's. */
int yamlbuild_event(struct yamlbuild *build, const yaml_event_t *event, struct err *err) MUST_CHECK;
/* After the end of a document: its root (new) and marks. Makes the builder ready for the next. */
json_t *yamlbuild_take(struct yamlbuild *build, struct yamlmarks *ret_marks);
void yamlbuild_free(struct yamlbuild *build);
