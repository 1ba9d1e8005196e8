/* SPDX-License-Identifier: Apache-2.0 */
/* The namespaces that an operator looks after. */
#pragma once

/*
 * The NULL-terminated list without repetitions, in its order: two watches over the same would each
 * sweep away what the other is about to see. The caller frees; the texts stay borrowed.
 */
const char **namespaces_each_once(const char *const *names);
