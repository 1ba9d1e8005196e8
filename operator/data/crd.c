/* SPDX-License-Identifier: Apache-2.0 */
#include "data/crd.h"

/* MG_CRD_FILE comes from CMakeLists.txt, which also rebuilds this file when that one changes. */
__asm__(".pushsection .rodata.crd_file, \"a\", %progbits\n"
        "crd_file_start:\n"
        ".incbin \"" MG_CRD_FILE "\"\n"
        "crd_file_end:\n"
        ".popsection\n");

extern const char crd_file_start[] __attribute__((visibility("hidden")));
extern const char crd_file_end[] __attribute__((visibility("hidden")));

const char *crd_text(size_t *ret_len)
{
    *ret_len = (size_t)(crd_file_end - crd_file_start);
    return crd_file_start;
}
